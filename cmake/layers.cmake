# One static library per folder of core/, whittle_<layer>, linked in the order of docs/architecture.md.
# A layer without sources is an interface library, so that the order can be written down whole.

function(whittle_layer layer)
  cmake_parse_arguments(arg "" "PRECOMPILED" "NEEDS;SOURCES" ${ARGN})
  if(NOT arg_SOURCES)
    whittle_sources(arg_SOURCES core/${layer}/*.cpp)
  endif()
  set(target whittle_${layer})
  list(TRANSFORM arg_NEEDS PREPEND whittle_)
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    target_link_libraries(${target} PUBLIC whittle_flags whittle_deps ${arg_NEEDS})
    whittle_use_precompiled(${target} ${arg_PRECOMPILED})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE whittle_flags whittle_deps ${arg_NEEDS})
  endif()
endfunction()

# A table is generated once its header exists; its source joins the layer's library.
function(whittle_layer_table layer header function table prefix)
  if(EXISTS ${CMAKE_SOURCE_DIR}/${header})
    set(output ${CMAKE_CURRENT_BINARY_DIR}/generated/${function}.cpp)
    whittle_table(${output} ${header} ${function} ${table} ${prefix} ${ARGN})
    target_sources(whittle_${layer} PRIVATE ${output})
  endif()
endfunction()

whittle_layer(base)
whittle_layer(tensor NEEDS base)
whittle_layer(graph NEEDS tensor)

whittle_layer(onnx NEEDS graph)
whittle_sources(rules core/onnx/canonicalize/*.cpp)
whittle_layer_table(onnx core/onnx/canonicalize.h register_all_canonicalize_rules CanonicalizeTable
  register_canonicalize_ ${rules})

include(kernels)  # whittle_kernels, with its tiers

whittle_layer(ops NEEDS graph kernels)
whittle_sources(operators core/ops/*.cpp)
list(FILTER operators EXCLUDE REGEX "/core/ops/support/")
whittle_layer_table(ops core/ops/op.h register_all_ops OpTable register_ ${operators})

whittle_layer(passes NEEDS ops)
whittle_layer(runtime NEEDS passes)
whittle_layer(measure NEEDS runtime PRECOMPILED whittle_precompiled_json)
target_link_libraries(whittle_measure PRIVATE whittle_quick)
whittle_layer(linalg NEEDS tensor)
whittle_layer(train NEEDS ops runtime linalg)

whittle_layer(compress NEEDS train measure onnx PRECOMPILED whittle_precompiled_json)
target_link_libraries(whittle_compress PRIVATE whittle_quick)
set(techniques "")
foreach(group rewrite quantize cluster prune factorize distill search)
  whittle_sources(files core/compress/${group}/*.cpp)
  list(FILTER files EXCLUDE REGEX "/support/")
  list(APPEND techniques ${files})
endforeach()
whittle_layer_table(compress core/compress/technique.h register_all_techniques TechniqueTable
  register_ ${techniques})
