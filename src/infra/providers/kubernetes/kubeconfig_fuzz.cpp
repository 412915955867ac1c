// Any bytes as a kubeconfig, and as what a credential plugin prints.
#include "infra/providers/kubernetes/exec_plugin.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer::infra::kubernetes;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // Resolved only when it names no files: what is fuzzed is the parser, not the disk.
    if (auto config = parse_kubeconfig(text, "/nonexistent")) {
        const Kubeconfig merged = merge({*config, *config});
        for (const auto& context : merged.contexts) (void)resolve(merged, context.name);
    }
    (void)parse_exec_credential(text, "client.authentication.k8s.io/v1", {});
    return 0;
}
