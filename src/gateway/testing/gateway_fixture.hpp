// A whole Gateway in one process: temporary folder, scripted platform, tools and model, a clock and pauses that stand
// still until the test moves them. Deterministic: the same test does the same steps in the same order every time.
#pragma once

#include <memory>

#include "agent/testing/scripted_model.hpp"
#include "agent/testing/scripted_tools.hpp"
#include "base/testing/fake_clock.hpp"
#include "crypto/testing/seeded_random.hpp"
#include "gateway/gateway.hpp"
#include "gateway/testing/inline_disk.hpp"
#include "gateway/testing/manual_pauses.hpp"
#include "gateway/testing/scripted_platform.hpp"
#include "gateway/store/schema.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::gateway::testing {

inline constexpr const char* kToken = "test-gateway-token";

// Reads `text` (JSON5 is not needed in tests).
json::object object(std::string_view text);

// Where files are made without a disk behind them, if this machine has such a place.
std::filesystem::path fast_folder();

class GatewayWorld {
public:
    explicit GatewayWorld(std::uint64_t seed = 1, std::filesystem::path parent = fast_folder());
    ~GatewayWorld();

    // The configuration of the next start. As made: token auth, everybody may write, "boss" may approve.
    GatewayConfig config;

    Result<> start();
    void stop();
    // The process is gone without a word; the world goes on. start() begins the next life on the same disk.
    void crash();
    Result<> restart();
    bool running() const { return gateway_ != nullptr; }
    Core& core() { return gateway_->core(); }
    std::uint16_t port() const { return gateway_->port(); }
    const std::filesystem::path& state() const { return state_; }

    // Lets everything happen that can happen without time passing.
    void pump(int turns = 300);
    void advance(Millis by);  // clock and pauses together, then pump()
    template <class T>
    T run(Task<T> task) {
        return runtime.run_until_done(std::move(task));
    }

    // What the transcript of a session shows, one line each: "user: ...", "assistant: ...".
    std::vector<std::string> transcript(const std::string& key);
    std::vector<json::object> audit_records(std::string_view kind = "") const;
    std::string audit_faults() const;  // "" when the chain verifies
    // A value from the database, read on the side.
    std::vector<std::string> query(std::string_view sql);

    io::Runtime runtime;
    ::pincer::testing::FakeClock clock;
    ::pincer::testing::SeededRandom random;
    Power power;
    ManualPauses pauses;
    ScriptedPlatform platform;
    agent::testing::ScriptedTools tools;
    agent::testing::ScriptedModel scripted;
    agent::Model* model = &scripted;

private:
    class NoServers;
    std::unique_ptr<::pincer::testing::Scratch> scratch_;
    std::filesystem::path state_;
    std::unique_ptr<agent::Model> fallback_;
    std::unique_ptr<io::HttpClient> http_;
    std::unique_ptr<io::WebSocketConnector> websockets_;
    std::unique_ptr<registry::Connector> connector_;
    std::unique_ptr<Gateway> gateway_;
};

}  // namespace pincer::gateway::testing
