#include "apps/openclaw/commands.hpp"
#include "io/http.hpp"

namespace pincer::openclaw {

// The page's address with the token in the fragment, which a browser never sends to any server. Asks nobody.
ExitCode dashboard(const Local& local, const Arguments& arguments) {
    const auto target = find_gateway(local, arguments);
    if (!target) return tell(target.error());
    std::string address = target->url;
    address.replace(0, 2, "http");  // ws: and wss:
    if (!address.ends_with('/')) address += '/';
    if (!target->token.empty()) address += "#token=" + io::percent_encode(target->token.reveal());
    if (arguments.json) {
        print_json(json::value(json::object{{"url", address}}));
    } else {
        print(address);
    }
    return ExitCode::ok;
}

}  // namespace pincer::openclaw
