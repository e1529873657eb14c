# Where the libraries we build on come from. Target whittle_deps carries them as system headers, so
# that their warnings are not ours.
#
# emsdk-config/setup.sh leaves the header-only ones in <toolchain>/include, apart from the rest of
# /usr/include, which a wasm build must never see.

set(WHITTLE_TOOLCHAIN $ENV{WHITTLE_TOOLCHAIN})
if(NOT WHITTLE_TOOLCHAIN)
  set(WHITTLE_TOOLCHAIN ${CMAKE_CURRENT_SOURCE_DIR}/.toolchain)
endif()

add_library(whittle_deps INTERFACE)
if(EXISTS ${WHITTLE_TOOLCHAIN}/include)
  target_include_directories(whittle_deps SYSTEM INTERFACE
    ${WHITTLE_TOOLCHAIN}/include ${WHITTLE_TOOLCHAIN}/include/eigen3)
elseif(EMSCRIPTEN)
  message(FATAL_ERROR "No headers in ${WHITTLE_TOOLCHAIN}/include. Run emsdk-config/setup.sh")
else()
  target_include_directories(whittle_deps SYSTEM INTERFACE /usr/include/eigen3)
endif()

# GoogleTest is compiled here from the source that Debian ships, with the same flags as the tests:
# a sanitizer or wasm build needs its own, and one recipe serves both.
find_path(GTEST_SOURCE src/gtest-all.cc
  PATHS ${WHITTLE_TOOLCHAIN}/test-data/googletest/googletest /usr/src/googletest/googletest
  NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
if(GTEST_SOURCE)
  add_library(whittle_gtest STATIC EXCLUDE_FROM_ALL
    ${GTEST_SOURCE}/src/gtest-all.cc ${GTEST_SOURCE}/src/gtest_main.cc)
  target_include_directories(whittle_gtest SYSTEM PUBLIC ${GTEST_SOURCE}/include
    PRIVATE ${GTEST_SOURCE})
endif()
