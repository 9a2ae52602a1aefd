# The CUDA plugin: a shared object of its own, compiled by nvcc and linked with nothing of CUDA that has to be found at run
# time. nvcc is called by custom commands: CMake's CUDA language would make every configuration without a GPU's compiler fail.
set(CUDA_FOLDER ${CMAKE_CURRENT_SOURCE_DIR}/cuda)
file(GLOB CUDA_SOURCES CONFIGURE_DEPENDS ${CUDA_FOLDER}/*.cpp ${CUDA_FOLDER}/runtime/*.cpp)
list(APPEND CUDA_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/cpp/core/plan_schema.cpp)
# Kernels are compiled once for each 16-bit type (common/storage.h); small.cu has those of small/.
file(GLOB CUDA_KERNELS CONFIGURE_DEPENDS ${CUDA_FOLDER}/*.cu ${CUDA_FOLDER}/common/*.cu)
set(CUDA_STORAGES bf16 f16)

if(INCACHE_CUDA AND NOT WIN32)
  find_program(INCACHE_NVCC nvcc HINTS ENV CUDACXX ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT INCACHE_NVCC)
    message(STATUS "No nvcc was found: the CUDA plugin is not built")
  else()
    execute_process(COMMAND ${INCACHE_NVCC} --version OUTPUT_VARIABLE NVCC_TEXT)
    string(REGEX MATCH "release ([0-9.]+)" NVCC_RELEASE "${NVCC_TEXT}")
    if(CMAKE_MATCH_1 VERSION_LESS 12.4)
      message(STATUS "nvcc is of CUDA ${CMAKE_MATCH_1}, expected 12.4 or later: the CUDA plugin is not built")
    else()
      set(BUILD_CUDA_PLUGIN ON)
    endif()
  endif()
endif()

# The tests of kernels: each file of cuda/test is a program. The package has none.
file(GLOB CUDA_TESTS CONFIGURE_DEPENDS ${CUDA_FOLDER}/test/*.cpp)
# These have no tensor in a 16-bit type: once is enough.
set(CUDA_UNTYPED_TESTS emulator samplerStep swizzle waits)

if(BUILD_CUDA_PLUGIN)
  set(NVCC_FLAGS -std=c++17 -O3 -DNDEBUG -I${CMAKE_CURRENT_SOURCE_DIR}/cpp/include "-DINCACHE_VERSION=\"${PROJECT_VERSION}\""
    -Xcompiler -fPIC,-fvisibility=hidden,-fvisibility-inlines-hidden)
  # Tests end kernels that wait in vain (common/hopper.cuh).
  if(INCACHE_CUDA_TESTS)
    list(APPEND NVCC_FLAGS -DINCACHE_WATCHDOG)
  endif()
  # Kernels are written for sm_80, and those of Hopper's own instructions for sm_90a: two passes of the compiler give machine code
  # for all targets, and the PTX for what is still to come.
  set(PLAIN_CODE compute_80)
  foreach(target ${INCACHE_CUDA_TARGETS})
    if(target MATCHES a$)
      list(APPEND NVCC_FLAGS -gencode=arch=compute_${target},code=sm_${target})
    else()
      string(APPEND PLAIN_CODE ,sm_${target})
    endif()
  endforeach()
  list(APPEND NVCC_FLAGS -gencode=arch=compute_80,code=[${PLAIN_CODE}])
  # Compiles a source with nvcc for a 16-bit type; `objects` gets the object. What follows are further options.
  function(add_nvcc_object objects storage source)
    file(RELATIVE_PATH name ${CMAKE_CURRENT_SOURCE_DIR} ${source})
    string(REPLACE / . name ${storage}/${name})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda/${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${INCACHE_NVCC} ${NVCC_FLAGS} -DINCACHE_STORAGE=${storage} ${ARGN} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Compiling ${name} with nvcc" VERBATIM)
    set(${objects} ${${objects}} ${object} PARENT_SCOPE)
  endfunction()
  foreach(source ${CUDA_SOURCES})
    add_nvcc_object(CUDA_OBJECTS bf16 ${source})
  endforeach()
  foreach(storage ${CUDA_STORAGES})
    foreach(source ${CUDA_KERNELS})
      add_nvcc_object(CUDA_OBJECTS ${storage} ${source})
    endforeach()
  endforeach()
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/cuda)
  # Beside the library, which looks for it there.
  set(CUDA_PLUGIN ${CMAKE_CURRENT_BINARY_DIR}/libincache_cuda.so)
  # Symbols of the static runtime stay inside: a process may have another one.
  add_custom_command(OUTPUT ${CUDA_PLUGIN}
    COMMAND ${INCACHE_NVCC} -shared -cudart static -Xlinker --exclude-libs=ALL,-z,defs ${CUDA_OBJECTS} -o ${CUDA_PLUGIN}
    DEPENDS ${CUDA_OBJECTS} COMMENT "Linking libincache_cuda.so" VERBATIM)
  add_custom_target(incache_cuda ALL DEPENDS ${CUDA_PLUGIN})
  install(PROGRAMS ${CUDA_PLUGIN} DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

if(INCACHE_CUDA_TESTS AND NOT BUILD_CUDA_PLUGIN)
  message(FATAL_ERROR "INCACHE_CUDA_TESTS is ON; the tests need INCACHE_CUDA and nvcc")
elseif(INCACHE_CUDA_TESTS)
  enable_testing()
  foreach(test ${CUDA_TESTS})
    cmake_path(GET test STEM name)
    # The emulator is not there on a GPU.
    if(NOT name STREQUAL emulator)
      foreach(storage ${CUDA_STORAGES})
        set(program ${CMAKE_CURRENT_BINARY_DIR}/gpu-tests/${name}-${storage})
        set(TEST_OBJECT)
        add_nvcc_object(TEST_OBJECT ${storage} ${test} -x cu)
        add_custom_command(OUTPUT ${program} COMMAND ${INCACHE_NVCC} -cudart static ${TEST_OBJECT} ${CUDA_OBJECTS} -o ${program}
          DEPENDS ${TEST_OBJECT} ${CUDA_OBJECTS} COMMENT "Linking the test ${name} in ${storage}" VERBATIM)
        list(APPEND GPU_TESTS ${program})
        add_test(NAME cuda-${name}-${storage} COMMAND ${program})
        # What a test ends with that is for another GPU.
        set_tests_properties(cuda-${name}-${storage} PROPERTIES SKIP_RETURN_CODE 77)
      endforeach()
    endif()
  endforeach()
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/gpu-tests)
  add_custom_target(incache_gpu_tests ALL DEPENDS ${GPU_TESTS})
  # Both are made of the same objects, which would otherwise be compiled twice at once.
  add_dependencies(incache_gpu_tests incache_cuda)
endif()

if(INCACHE_CUDA_EMULATED)
  function(set_emulated target storage)
    target_include_directories(${target} PRIVATE cpp/include)
    target_compile_definitions(${target} PRIVATE INCACHE_CUDA_EMULATED INCACHE_STORAGE=${storage} INCACHE_VERSION="${PROJECT_VERSION}")
    # Vectors that CUDA C++ has are passed by value: how an older compiler passed them is of no interest.
    # -O1: more takes longer to compile than it saves when tests run.
    target_compile_options(${target} PRIVATE -O1 -Wno-unknown-pragmas -Wno-psabi)
  endfunction()
  set_source_files_properties(${CUDA_KERNELS} PROPERTIES LANGUAGE CXX)
  # The emulator itself, as fast as it can be: once, but for what reads numbers of a 16-bit type.
  file(GLOB EMULATOR_SOURCES CONFIGURE_DEPENDS ${CUDA_FOLDER}/emulator/*.cpp)
  set_source_files_properties(${EMULATOR_SOURCES} PROPERTIES COMPILE_OPTIONS -O3)
  add_library(incache_cuda_emulated_bf16 OBJECT ${CUDA_KERNELS} ${CUDA_SOURCES} ${EMULATOR_SOURCES})
  add_library(incache_cuda_emulated_f16 OBJECT ${CUDA_KERNELS} ${CUDA_FOLDER}/emulator/wgmma.cpp)
  set(EMULATED_OBJECTS $<TARGET_OBJECTS:incache_cuda_emulated_bf16> $<TARGET_OBJECTS:incache_cuda_emulated_f16>)
  add_library(incache_cuda_emulated MODULE ${EMULATED_OBJECTS})
  target_link_options(incache_cuda_emulated PRIVATE -Wl,-z,defs)
  foreach(storage ${CUDA_STORAGES})
    set_emulated(incache_cuda_emulated_${storage} ${storage})
    foreach(test ${CUDA_TESTS})
      cmake_path(GET test STEM name)
      if(storage STREQUAL f16 AND name IN_LIST CUDA_UNTYPED_TESTS)
        continue()
      endif()
      set(program incache_cuda_test_${name}_${storage})
      add_executable(${program} EXCLUDE_FROM_ALL ${test} ${EMULATED_OBJECTS})
      set_target_properties(${program} PROPERTIES OUTPUT_NAME ${name}-${storage} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/cuda-tests)
      set_emulated(${program} ${storage})
      list(APPEND CUDA_TEST_TARGETS ${program})
    endforeach()
  endforeach()
  if(CUDA_TEST_TARGETS)
    add_custom_target(incache_cuda_tests DEPENDS ${CUDA_TEST_TARGETS})
  endif()
endif()
