// The router starts its own program anew for every model. In these tests that is the test program,
// which then plays a server of one model instead of running tests.
#pragma once

#include <vector>

#include "http/http.h"

namespace llm::router {

/// True in a child; `exit_code` is then what the program ends with. The model's file says what it
/// plays: "good"; "broken" ends with 1 while it loads; "stubborn" does not stop when it is told to;
/// "slow" takes 300 ms to load.
///
/// Endpoints of a played model, besides /v1/models: POST /echo answers with what it got, /hang only
/// ends when its client goes or the model stops, /stream sends events for ever, /half, /v1/messages
/// and /v1/responses send one and a half and die, /die ends the process at once, /long answers with
/// 1 MiB. /spend counts 1 + `tokens` of its body as used, /stream one per event.
bool plays_a_model(int argc, char** argv, int& exit_code);

/// The routes of a played model, for the router in front.
std::vector<http::Route> fake_routes();

}  // namespace llm::router
