// How the replies of a model family are written, as data: the one description that the parser
// (reply_reader.h) and the constraint read.
//
// Words: a *section* holds all calls of a turn, a *call* is one of them. White space at the edges
// of markers is free when reading; `written` fields say how models write it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/filter.h"

namespace llm::chat {

struct ReasoningLayout {
  std::string start;          // empty with `end`: a reply always begins inside
  std::string end;            // empty: the format has no reasoning
  bool calls_end_it = false;  // an opener of calls inside it ends it
  bool anywhere = false;      // blocks may follow content, and a stray end is dropped
  bool always_open = false;   // the reply begins inside, whatever the prompt ends with
  std::string written_after_start, written_before_end, written_after_end;  // white space
  bool exists() const { return !end.empty(); }
};

enum class CallSyntax : std::uint8_t {
  json,        // objects with members for name, arguments, id; alone, in a row or in an array
  named_json,  // a name between markers, then the arguments as a JSON object
  tagged,      // a name, then parameters between tags
  nested,      // parameters as elements named after themselves, values expanded (MiniMax M3)
  python,      // [name(key=value), ...]
  gemma,       // call:name{key:value}
  recipients,  // Functionary 3.2: the reply is blocks headed by whom they are for
  harmony      // gpt-oss: messages with channel and recipient
};

/// Where a model writes the id of a call.
enum class IdPlace : std::uint8_t {
  none,
  member,       // of the JSON object
  before_name,  // named_json: call_open ID name_open NAME
  behind_name,  // named_json: NAME id_open ID
  with_name     // named_json: the id is "functions.NAME:n"
};

/// White space at the edges of a parameter's value.
enum class ValueEdges : std::uint8_t {
  exact,         // belongs to the value
  line_breaks,   // one line break on each side does not
  paired_breaks  // ... if there is one on the first side
};

struct CallLayout {
  CallSyntax syntax = CallSyntax::json;
  /// Alternatives of what opens a section; the first one is what models are told to write. Empty:
  /// calls have no markers (Llama) or only those of a call.
  std::vector<std::string> section_open;
  std::string section_close;
  bool repeats_section = false;                          // each call has a section of its own
  std::string separator;                                 // written between calls of one section
  std::string written_after_open, written_before_close;  // white space at the section's edges
  std::string written_between_sections;

  // json
  std::vector<std::string> name_members, argument_members, id_members;  // first: as written
  bool name_is_key = false;                                             // {"get_weather": {...}}
  bool in_array = false;                                                // written as an array
  bool id_is_last = false;   // the id is written behind the arguments
  bool in_fence = false;     // ```json ... ``` around the array
  std::string no_call_name;  // a function that means: no call (Command R+)

  // named_json, tagged, nested
  std::string call_open, call_close;
  std::string name_close;  // behind the name; empty (tagged): white space or the next tag
  std::string name_open, id_open;
  bool has_type_word = false;  // DeepSeek R1: call_open TYPE name_close NAME fence

  // tagged
  std::string key_open, key_close, value_open, value_close;
  bool has_string_attribute = false;  // key_close is followed by ` string="true">` (DSML)
  bool has_cdata = false;
  ValueEdges edges = ValueEdges::exact;
  std::string written_after_name, written_after_key, written_after_value;
  std::string tag_prefix;  // nested: stands before every tag

  IdPlace id_place = IdPlace::none;
  int id_length = 0;  // alphanumeric ids of this length; 0: any

  bool is_markerless() const { return section_open.empty() && call_open.empty(); }
};

struct ReplyLayout {
  std::string name;
  ReasoningLayout reasoning;
  /// Around content, dropped; may be missing.
  std::string content_start, content_end;
  std::vector<std::string> dropped;        // special tokens that are no content wherever they stand
  std::vector<std::string> special_words;  // further special tokens that must stay visible
  /// The first one is what the model is told to write and what is constrained; the others are
  /// read as well. Empty: replies have no calls.
  std::vector<CallLayout> calls;
  /// `<|python_tag|>` in front of code, of calls of built-in tools, or of JSON (Llama 3.1).
  std::string code_tag;
  bool explains_tools = false;  // the template does not show tools: a system text must
  std::vector<grammar::Trigger> triggers;
  std::vector<std::string> stops;
};

}  // namespace llm::chat
