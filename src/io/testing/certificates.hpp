// Certificates made in the test: an authority of its own, and what it issues. P-256 keys, so that none takes long.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace pincer::io::testing {

struct Identity {
    std::string certificate_pem;
    std::string key_pem;
};

struct Validity {
    int from_days = -1;  // from now; negative: in the past
    int to_days = 1;
};

class TestAuthority {
public:
    explicit TestAuthority(std::string name);
    ~TestAuthority();
    TestAuthority(const TestAuthority&) = delete;
    TestAuthority& operator=(const TestAuthority&) = delete;

    // What a peer has to trust.
    std::string certificate_pem() const;
    // For servers and clients alike. `names` are DNS names and IP addresses; the first is the subject's.
    Identity issue(const std::vector<std::string>& names, Validity validity = {}) const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pincer::io::testing
