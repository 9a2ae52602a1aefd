// What fields each operation has (src/plan/file.ts).
#include "error.h"
#include "plan.h"

namespace incache {
namespace {

std::vector<OpFields> makeTable() {
  const std::vector<OpFields::Field<int64_t>> patches = {
      {"channels", &Op::channels}, {"height", &Op::height}, {"width", &Op::width}, {"patch", &Op::patch}};
  const OpFields::Field<View> x = {"x", &Op::x}, out = {"out", &Op::out}, shift = {"shift", &Op::shift}, scale = {"scale", &Op::scale};
  const OpFields::Field<View> gate = {"gate", &Op::gate}, residual = {"residual", &Op::residual};
  const OpFields::Field<View> input = {"cachedInput", &Op::cachedInput}, hidden = {"cachedHidden", &Op::cachedHidden};
  const OpFields::Field<View> output = {"cachedOutput", &Op::cachedOutput}, previous = {"previous", &Op::previous};
  const OpFields::Field<View> preActivation = {"cachedPreActivation", &Op::cachedPreActivation};
  // In the order of OpKind.
  return {
      {"linear", {x, {"weight", &Op::weight}, out}, {{"bias", &Op::bias}, {"store", &Op::store}, gate, residual}, {}, {}, false, true},
      {"calibratedLinear", {x, output, out}, {input, hidden, gate, residual}, {}, {}, true, true},
      {"calibratedMlp", {x, preActivation, output, out}, {input, hidden, gate, residual}, {}, {}, true, true},
      {"attention",
       {{"q", &Op::q}, {"k", &Op::k}, {"v", &Op::v}, out},
       {{"keyLengths", &Op::keyLengths}},
       {{"heads", &Op::heads}, {"queryLength", &Op::queryLength}, {"keyLength", &Op::keyLength}},
       {{"scale", &Op::attentionScale}}},
      {"layerNormModulate", {x, shift, scale, out}, {}, {}, {{"epsilon", &Op::epsilon}}},
      {"patchify", {x, out}, {}, patches, {}},
      {"unpatchify", {x, out}, {}, patches, {}},
      {"timestepEmbedding", {x, out}, {}, {}, {{"maxPeriod", &Op::maxPeriod}}},
      {"gatherRows", {{"table", &Op::table}, {"index", &Op::index}, out}, {}, {}, {}},
      {"add", {x, {"y", &Op::y}, out}, {}, {}, {}},
      {"silu", {x, out}, {}, {}, {}},
      {"gelu", {x, out}, {}, {}, {}},
      {"gateResidual", {x, gate, residual, out}, {}, {}, {}},
      {"channelStatistics", {x, out}, {previous}, {}, {}},
      {"secondMoment", {x, out}, {previous}, {}, {}},
      {"linearCombination", {out}, {}, {}, {}, false, false, true},
      {"relativeDistance", {x, previous, out}, {}, {{"norm", &Op::norm}}, {}},
  };
}

const std::vector<OpFields> &table() {
  static const std::vector<OpFields> fields = makeTable();
  return fields;
}

constexpr const char *kEpilogues[] = {"none", "gelu", "silu", "gateResidual"};

}  // namespace

const OpFields &fieldsOf(OpKind kind) { return table()[static_cast<size_t>(kind)]; }

const char *nameOf(OpKind kind) { return fieldsOf(kind).name; }

OpKind opNamed(const std::string &name, const std::string &what) {
  for (int kind = 0; kind < kOpKinds; kind++)
    if (name == nameOf(static_cast<OpKind>(kind))) return static_cast<OpKind>(kind);
  throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " is '" + name + "'; expected an operation such as linear");
}

Epilogue epilogueNamed(const std::string &name, const std::string &what) {
  for (int i = 0; i < 4; i++)
    if (name == kEpilogues[i]) return static_cast<Epilogue>(i);
  throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " is '" + name + "'; expected none, gelu, silu or gateResidual");
}

std::vector<Operand> operandsOf(const Op &op) {
  std::vector<Operand> operands;
  const OpFields &fields = fieldsOf(op.kind);
  for (const auto &list : {fields.needed, fields.optional})
    for (const auto &field : list) {
      const View &view = op.*field.at;
      if (!view.given()) continue;
      const bool writes = field.at == &Op::out || field.at == &Op::store;
      const bool integer = field.at == &Op::index || field.at == &Op::keyLengths;
      operands.push_back({field.name, view, writes, integer});
    }
  for (size_t i = 0; i < op.factors.size(); i++) {
    const std::string name = "factors[" + std::to_string(i) + "]";
    operands.push_back({name + ".down", op.factors[i].down, false, false});
    operands.push_back({name + ".up", op.factors[i].up, false, false});
  }
  for (size_t i = 0; i < op.terms.size(); i++) operands.push_back({"terms[" + std::to_string(i) + "].x", op.terms[i].x, false, false});
  return operands;
}

}  // namespace incache
