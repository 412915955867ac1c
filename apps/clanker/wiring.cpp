#include "apps/clanker/wiring.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "infra/providers/all.hpp"

namespace pincer::clanker {
namespace {

std::string environment(std::string_view name) {
    const char* value = std::getenv(std::string(name).c_str());
    return value ? value : "";
}

std::string user_folder() {
    const std::string home = environment("HOME");
    if (!home.empty()) return home;
    const passwd* entry = ::getpwuid(::getuid());
    return entry ? entry->pw_dir : "";
}

infra::Settings settings_of(const Arguments& arguments) {
    infra::Settings settings;
    settings.kubeconfig = arguments.kubeconfig;
    settings.context = arguments.context;
    settings.scope = arguments.scope;
    settings.repository = arguments.repository;
    settings.home = user_folder();
    settings.version = PINCER_VERSION;
    settings.environment = environment;
    return settings;
}

infra::EngineOptions options_of(const Arguments& arguments) {
    infra::EngineOptions options;
    options.timeout = arguments.timeout;
    options.settle_within = arguments.settle;
    return options;
}

}  // namespace

std::filesystem::path home_folder() {
    const std::string named = environment("CLANKER_HOME");
    return named.empty() ? std::filesystem::path(user_folder()) / ".clanker" : std::filesystem::path(named);
}

std::string user_name() {
    const passwd* entry = ::getpwuid(::getuid());
    return entry ? std::string("operator:") + entry->pw_name : "operator:" + std::to_string(::getuid());
}

Program::Program(const Arguments& arguments)
    : services{runtime, clock, random,
               [this](io::HttpClientOptions options) { return io::make_http_client(runtime, std::move(options)); }},
      settings(settings_of(arguments)),
      engine(services, settings, infra::all_providers(), home_folder(), options_of(arguments)) {}

}  // namespace pincer::clanker
