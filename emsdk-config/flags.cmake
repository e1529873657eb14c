# Flags of the wasm modules, each with its reason.

set(WHITTLE_WASM_COMPILE
  # C++ exceptions at no cost where none is thrown. The older of the two encodings, because Node 20
  # and Safari before 18.4 do not know the newer (exnref).
  -fwasm-exceptions
  -sWASM_LEGACY_EXCEPTIONS=1
)
# Of objects alone. Modules with threads and without are linked from the same ones: in a memory that
# is not shared, atomic accesses are ordinary ones. None of these says -msimd128: only kernels are
# compiled for one tier, and every module, also the one for engines without SIMD, shares the rest.
set(WHITTLE_WASM_OBJECTS -pthread)

set(WHITTLE_WASM_LINK
  # Objects are compiled for size where they are no kernels; what is linked keeps its speed.
  -O3
  # One factory function in one ES module, for pages, workers and Node alike.
  -sMODULARIZE=1
  -sEXPORT_ES6=1
  -sENVIRONMENT=web,worker,node
  # No eval or new Function: pages with a strict content security policy can use the module.
  -sDYNAMIC_EXECUTION=0
  # Models decide how much memory is needed; 4 GB is all that 32-bit addresses reach.
  -sALLOW_MEMORY_GROWTH=1
  -sMAXIMUM_MEMORY=4GB
  # The default of 64 kB overflows silently with Eigen and with nested subgraphs.
  -sSTACK_SIZE=1MB
  # The core knows no files.
  -sFILESYSTEM=0
  # Return from main is not the end: the module serves calls until it is dropped.
  -sEXIT_RUNTIME=0
  --bind
)

# Of modules with threads, besides.
set(WHITTLE_WASM_LINK_THREADS
  -pthread
  # Threads are started by an awaited call, never at load.
  -sPTHREAD_POOL_SIZE=0
  # Same reason as STACK_SIZE.
  -sDEFAULT_PTHREAD_STACK_SIZE=1MB
  # Shared memory that grows slows JavaScript's view of the heap, not wasm: not worth a warning.
  -Wno-pthreads-mem-growth
)
