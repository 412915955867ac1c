#include "apps/openclaw/gateway_main.hpp"
#include <cstdlib>
int main(int, char** argv) { pincer::openclaw::GatewayFlags f; if (argv[1]) f.port = std::uint16_t(std::atoi(argv[1])); f.verbose = true; return pincer::openclaw::run_gateway(f); }
