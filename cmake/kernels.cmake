# The kernels: the only sources compiled per tier, and in a wasm build the only ones compiled for
# speed. What is around them is compiled for size, which decides how soon a page can start.
#
#   core/kernels/*.cpp              the table and the choices: once per module, told which tiers exist
#   core/kernels/reference/*.cpp    and any other folder: once without SIMD and once with it
#   core/kernels/simd128/*.cpp      once (natively through SIMDe)
#   core/kernels/relaxed/*.cpp      once, the only objects with -mrelaxed-simd
#
# A native build has one library with all tiers. A wasm build has whittle_kernels_<tier>; the common
# layers see only the headers (whittle_kernels), and each module links the tier it is made of.

whittle_sources(kernel_all core/kernels/*.cpp)
foreach(tier simd128 relaxed)
  set(kernel_${tier} ${kernel_all})
  list(FILTER kernel_${tier} INCLUDE REGEX "/core/kernels/${tier}/")
endforeach()
set(kernel_table ${kernel_all})
list(FILTER kernel_table INCLUDE REGEX "/core/kernels/[^/]+\\.cpp$")
set(kernel_common ${kernel_all})
list(REMOVE_ITEM kernel_common ${kernel_table} ${kernel_simd128} ${kernel_relaxed})

if(NOT EMSCRIPTEN)
  whittle_layer(kernels NEEDS tensor SOURCES ${kernel_all})
  if(kernel_all)
    target_compile_definitions(whittle_kernels PUBLIC WHITTLE_HAS_SIMD128=1 WHITTLE_HAS_RELAXED=1)
  endif()
  return()
endif()

add_library(whittle_kernels INTERFACE)
target_link_libraries(whittle_kernels INTERFACE whittle_tensor)

# One archive per group of files: whittle_kernel_<group>.
function(kernel_archive group)
  cmake_parse_arguments(arg "" "" "SOURCES;DEFINITIONS;OPTIONS" ${ARGN})
  if(arg_SOURCES)
    add_library(whittle_kernel_${group} STATIC EXCLUDE_FROM_ALL ${arg_SOURCES})
    target_link_libraries(whittle_kernel_${group} PUBLIC whittle_kernels)
    target_compile_definitions(whittle_kernel_${group} PRIVATE ${arg_DEFINITIONS})
    target_compile_options(whittle_kernel_${group} PRIVATE -O3 ${arg_OPTIONS})
  else()
    add_library(whittle_kernel_${group} INTERFACE)
  endif()
endfunction()

# whittle_kernels_<tier>: the table, then every group it may name.
function(kernel_tier tier)
  cmake_parse_arguments(arg "" "" "DEFINITIONS;GROUPS;OPTIONS" ${ARGN})
  kernel_archive(table_${tier} SOURCES ${kernel_table} DEFINITIONS ${arg_DEFINITIONS}
    OPTIONS ${arg_OPTIONS})
  list(TRANSFORM arg_GROUPS PREPEND whittle_kernel_)
  add_library(whittle_kernels_${tier} INTERFACE)
  target_link_libraries(whittle_kernels_${tier} INTERFACE whittle_kernel_table_${tier}
    ${arg_GROUPS} whittle_tensor)
endfunction()

kernel_archive(scalar SOURCES ${kernel_common})
kernel_archive(common SOURCES ${kernel_common} OPTIONS -msimd128)
kernel_archive(simd128 SOURCES ${kernel_simd128} OPTIONS -msimd128)
kernel_archive(relaxed SOURCES ${kernel_relaxed} OPTIONS -msimd128 -mrelaxed-simd)
kernel_tier(scalar GROUPS scalar)
kernel_tier(simd128 GROUPS simd128 common OPTIONS -msimd128 DEFINITIONS WHITTLE_HAS_SIMD128=1)
kernel_tier(relaxed GROUPS relaxed simd128 common OPTIONS -msimd128
  DEFINITIONS WHITTLE_HAS_SIMD128=1 WHITTLE_HAS_RELAXED=1)
