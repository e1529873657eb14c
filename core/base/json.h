#pragma once

#include <nlohmann/json.hpp>

/** Compiled once, in json.cpp: instantiating it is most of the time a file that uses it takes. */
extern template class nlohmann::basic_json<>;
