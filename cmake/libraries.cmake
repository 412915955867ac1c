# All third-party code comes from Debian 12 (tools/bootstrap installs it). Static archives where Debian ships
# them, so that a program is one file that starts in milliseconds; glibc stays dynamic (name resolution).
set(Boost_USE_STATIC_LIBS ON)
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
find_library(PINCER_SQLITE NAMES libsqlite3.a REQUIRED)
find_library(PINCER_YAML NAMES libyaml-cpp.a REQUIRED)
find_library(PINCER_RE2 NAMES libre2.a REQUIRED)

add_compile_definitions(
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_DATE_TIME BOOST_JSON_NO_LIB BOOST_ERROR_CODE_HEADER_ONLY)

add_library(pincer_json INTERFACE)
target_link_libraries(pincer_json INTERFACE Boost::json)
add_library(pincer_tls INTERFACE)
target_link_libraries(pincer_tls INTERFACE OpenSSL::SSL OpenSSL::Crypto)
add_library(pincer_sqlite INTERFACE)
target_link_libraries(pincer_sqlite INTERFACE ${PINCER_SQLITE} Threads::Threads ${CMAKE_DL_LIBS} m)
add_library(pincer_yaml INTERFACE)
target_link_libraries(pincer_yaml INTERFACE ${PINCER_YAML})
add_library(pincer_re2 INTERFACE)
target_link_libraries(pincer_re2 INTERFACE ${PINCER_RE2} Threads::Threads)
