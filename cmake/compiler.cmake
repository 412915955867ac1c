# C++23 with coroutines. g++ 12 and 13 corrupt some temporaries inside a co_await expression without a word
# (docs/decisions/0001), so they are refused rather than trusted.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles co_await expressions (temporaries are freed twice). "
    "Use clang++-19 (apt-get install clang-19 lld-19), as ./make does, or g++ 14 or newer.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} lacks std::expected with libstdc++; use clang++-19 or newer.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(PINCER_TESTS "build the tests" ON)
option(PINCER_BENCH "build the benchmarks" OFF)
option(PINCER_FUZZ "build the fuzz targets with libFuzzer (clang only)" OFF)
set(PINCER_HOT_FLAGS "" CACHE STRING "flags of the components marked HOT: those that every message passes through")
set(PINCER_SANITIZE "" CACHE STRING "sanitizers, as for -fsanitize=")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Werror -fno-omit-frame-pointer -ffunction-sections -fdata-sections -Wno-missing-field-initializers -Wno-missing-designated-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wno-c23-extensions)  # #embed, for the browser code
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-Wl,--gc-sections -Wl,--as-needed)

if(PINCER_SANITIZE)
  add_compile_options(-fsanitize=${PINCER_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PINCER_SANITIZE})
endif()
if(PINCER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
