#include "mcp/schema/validator.hpp"

#include <cmath>
#include <unordered_set>

#include "base/text.hpp"
#include "mcp/schema/detail/node.hpp"

namespace pincer::mcp::schema {
namespace {

Type type_of(const json::value& v) {
    switch (v.kind()) {
        case boost::json::kind::null: return kNull;
        case boost::json::kind::bool_: return kBoolean;
        case boost::json::kind::int64:
        case boost::json::kind::uint64: return kInteger;
        case boost::json::kind::double_: return std::nearbyint(v.get_double()) == v.get_double() ? kInteger : kNumber;
        case boost::json::kind::string: return kString;
        case boost::json::kind::array: return kArray;
        case boost::json::kind::object: return kObject;
    }
    return kNull;
}

bool admits(Types allowed, Type actual) {
    return allowed == 0 || (allowed & actual) || (actual == kInteger && (allowed & kNumber));
}

using Path = std::vector<std::variant<std::string, std::size_t>>;

// One walk over one value. Without a list to fill it stops at the first violation.
class Walk {
public:
    Walk(const Validator::Impl& schema, std::vector<Violation>* out) : schema_(schema), out_(out) {}

    bool check(NodeIndex index, const json::value& v) {
        if (exhausted_ || ++work_ > schema_.limits.work || depth_ >= schema_.limits.depth * 2) return exhaust();
        ++depth_;
        const bool ok = check_node(schema_.nodes[index], v);
        --depth_;
        return ok;
    }

private:
    bool exhaust() {
        if (!std::exchange(exhausted_, true) && out_) out_->push_back({"work", path_, schema_.limits.work, "", ""});
        return false;
    }

    bool fail(std::string_view keyword, json::value demanded, std::string_view expected, const json::value& v) {
        if (out_ && out_->size() < schema_.limits.violations) {
            out_->push_back({std::string(keyword), path_, std::move(demanded), std::string(expected),
                             std::string(name_of(type_of(v)))});
        }
        return false;
    }

    // Whether to look for more after what was found so far.
    bool go_on(bool ok) const { return !exhausted_ && (ok || out_); }

    // Applies a sub-schema whose violations are not the point: only whether it fits.
    bool fits(NodeIndex index, const json::value& v) {
        auto* const out = std::exchange(out_, nullptr);
        const bool ok = check(index, v);
        out_ = out;
        if (exhausted_ && out_ && (out_->empty() || out_->back().keyword != "work")) {
            out_->push_back({"work", path_, schema_.limits.work, "", ""});
        }
        return ok;
    }

    template <class Step>
    bool below(Step step, NodeIndex index, const json::value& v) {
        path_.emplace_back(std::move(step));
        const bool ok = check(index, v);
        path_.pop_back();
        return ok;
    }

    bool check_node(const Node& node, const json::value& v) {
        if (node.always) return *node.always || fail("false", nullptr, "never", v);
        if (node.values && !is_one_of(*node.values, v))
            return fail("enum", *node.values, first_type_name(node.types), v);
        const Type type = type_of(v);
        if (!admits(node.types, type)) return fail("type", type_names(node.types), first_type_name(node.types), v);
        if (node.constant && !equal(*node.constant, v))
            return fail("const", *node.constant, first_type_name(node.types), v);
        bool ok = !node.ref || check(*node.ref, v);
        if (node.number && (type == kInteger || type == kNumber) && go_on(ok)) ok &= check_number(*node.number, v);
        if (node.string && type == kString && go_on(ok)) ok &= check_string(*node.string, v);
        if (node.array && type == kArray && go_on(ok)) ok &= check_array(*node.array, v);
        if (node.object && type == kObject && go_on(ok)) ok &= check_object(*node.object, v);
        if (node.choices && go_on(ok)) ok &= check_choices(*node.choices, v);
        return ok;
    }

    static bool is_one_of(const json::array& values, const json::value& v) {
        for (const json::value& allowed : values) {
            if (equal(allowed, v)) return true;
        }
        return false;
    }

    static json::array type_names(Types types) {
        json::array names;
        for (Types bit = kNull; bit <= kObject; bit = Types(bit << 1)) {
            if (types & bit) names.emplace_back(name_of(Type(bit)));
        }
        return names;
    }

    bool check_number(const NumberRules& rules, const json::value& v) {
        if (rules.minimum && compare_numbers(v, *rules.minimum) < 0)
            return fail("minimum", *rules.minimum, "number", v);
        if (rules.exclusive_minimum && compare_numbers(v, *rules.exclusive_minimum) <= 0) {
            return fail("exclusiveMinimum", *rules.exclusive_minimum, "number", v);
        }
        if (rules.maximum && compare_numbers(v, *rules.maximum) > 0)
            return fail("maximum", *rules.maximum, "number", v);
        if (rules.exclusive_maximum && compare_numbers(v, *rules.exclusive_maximum) >= 0) {
            return fail("exclusiveMaximum", *rules.exclusive_maximum, "number", v);
        }
        if (rules.multiple_of && !is_multiple(v, *rules.multiple_of))
            return fail("multipleOf", *rules.multiple_of, "number", v);
        return true;
    }

    bool check_string(const StringRules& rules, const json::value& v) {
        const std::string_view text(v.get_string());
        bool ok = true;
        if (rules.min_length || rules.max_length) {
            const std::size_t length = utf8_length(text);
            if (rules.min_length && length < *rules.min_length) ok = fail("minLength", *rules.min_length, "string", v);
            if (rules.max_length && length > *rules.max_length) ok = fail("maxLength", *rules.max_length, "string", v);
        }
        if (rules.pattern && !rules.pattern->found_in(text))
            ok = fail("pattern", json::value(rules.pattern->source()), "string", v);
        return ok;
    }

    bool check_array(const ArrayRules& rules, const json::value& v) {
        const json::array& items = v.get_array();
        bool ok = true;
        if (rules.min_items && items.size() < *rules.min_items) ok = fail("minItems", *rules.min_items, "array", v);
        if (rules.max_items && items.size() > *rules.max_items) ok = fail("maxItems", *rules.max_items, "array", v);
        for (std::size_t i = 0; i < items.size() && go_on(ok); ++i) {
            if (i < rules.prefix.size())
                ok &= below(i, rules.prefix[i], items[i]);
            else if (rules.rest)
                ok &= below(i, *rules.rest, items[i]);
            else
                break;
        }
        if (rules.unique && go_on(ok) && !all_different(items)) ok = fail("uniqueItems", true, "array", v);
        if (rules.contains && go_on(ok)) ok &= check_contains(rules, v);
        return ok;
    }

    bool all_different(const json::array& items) {
        std::unordered_set<std::string> seen;
        for (const json::value& item : items) {
            if (++work_ > schema_.limits.work) return exhaust();
            if (!seen.insert(json::write_canonical(item)).second) return false;
        }
        return true;
    }

    bool check_contains(const ArrayRules& rules, const json::value& v) {
        std::size_t count = 0;
        for (const json::value& item : v.get_array()) {
            if (exhausted_) return false;
            count += fits(*rules.contains, item) ? 1 : 0;
        }
        if (count < rules.min_contains) return fail("contains", rules.min_contains, "array", v);
        if (rules.max_contains && count > *rules.max_contains)
            return fail("maxContains", *rules.max_contains, "array", v);
        return true;
    }

    bool check_object(const ObjectRules& rules, const json::value& v) {
        const json::object& o = v.get_object();
        bool ok = true;
        for (const auto& property : rules.properties) {
            if (!go_on(ok)) return false;
            if (const json::value* field = json::find(o, property.name))
                ok &= below(property.name, property.node, *field);
            else if (property.required)
                ok = missing(property.name, property.node);
        }
        for (const std::string& name : rules.required) {
            if (go_on(ok) && !json::find(o, name)) ok = missing(name, std::nullopt);
        }
        if (rules.min_properties && o.size() < *rules.min_properties)
            ok = fail("minProperties", *rules.min_properties, "object", v);
        if (rules.max_properties && o.size() > *rules.max_properties)
            ok = fail("maxProperties", *rules.max_properties, "object", v);
        if (go_on(ok) && (!rules.patterns.empty() || rules.additional || rules.names)) ok &= check_names(rules, o);
        if (go_on(ok)) ok &= check_dependencies(rules, o, v);
        return ok;
    }

    bool missing(const std::string& name, std::optional<NodeIndex> node) {
        if (!out_ || out_->size() >= schema_.limits.violations) return false;
        Violation violation{"required", path_, json::value(name), "", "undefined"};
        violation.path.emplace_back(name);
        if (node) {
            const Node& expected = schema_.nodes[*node];
            violation.expected_type = first_type_name(expected.types);
            if (expected.values) violation.expected_values = *expected.values;
        }
        out_->push_back(std::move(violation));
        return false;
    }

    bool check_names(const ObjectRules& rules, const json::object& o) {
        bool ok = true;
        for (const auto& field : o) {
            if (!go_on(ok)) return false;
            const std::string name(field.key());
            bool known = rules.by_name.contains(name);
            for (const auto& [pattern, node] : rules.patterns) {
                if (!pattern.found_in(name)) continue;
                known = true;
                ok &= below(name, node, field.value());
            }
            if (rules.names) ok &= below(name, *rules.names, json::value(name));
            if (known || !rules.additional) continue;
            if (schema_.nodes[*rules.additional].always == false)
                ok = fail("additionalProperties", json::value(name), "object", field.value());
            else
                ok &= below(name, *rules.additional, field.value());
        }
        return ok;
    }

    bool check_dependencies(const ObjectRules& rules, const json::object& o, const json::value& v) {
        bool ok = true;
        for (const auto& [trigger, needed] : rules.dependent_required) {
            if (!json::find(o, trigger)) continue;
            for (const std::string& name : needed) {
                if (!json::find(o, name)) ok = missing(name, std::nullopt);
            }
        }
        for (const auto& [trigger, node] : rules.dependent_schemas) {
            if (go_on(ok) && json::find(o, trigger)) ok &= check(node, v);
        }
        return ok;
    }

    bool check_choices(const Choices& choices, const json::value& v) {
        bool ok = true;
        for (NodeIndex node : choices.all) {
            if (go_on(ok)) ok &= check(node, v);
        }
        if (!choices.any.empty() && go_on(ok) && count_fits(choices.any, v, 1) == 0) ok = fail("anyOf", nullptr, "", v);
        if (!choices.one.empty() && go_on(ok)) {
            const std::size_t count = count_fits(choices.one, v, 2);
            if (count != 1) ok = fail("oneOf", count, "", v);
        }
        if (choices.no && go_on(ok) && fits(*choices.no, v)) ok = fail("not", nullptr, "", v);
        if (choices.condition && go_on(ok)) {
            const auto& branch = fits(*choices.condition, v) ? choices.then : choices.otherwise;
            if (branch && go_on(ok)) ok &= check(*branch, v);
        }
        return ok;
    }

    std::size_t count_fits(const std::vector<NodeIndex>& nodes, const json::value& v, std::size_t enough) {
        std::size_t count = 0;
        for (NodeIndex node : nodes) {
            if (exhausted_ || count == enough) break;
            count += fits(node, v) ? 1 : 0;
        }
        return count;
    }

    const Validator::Impl& schema_;
    std::vector<Violation>* out_;
    Path path_;
    std::size_t work_ = 0;
    std::size_t depth_ = 0;
    bool exhausted_ = false;
};

}  // namespace

std::vector<Violation> Validator::check(const json::value& value) const {
    std::vector<Violation> violations;
    Walk(*impl_, &violations).check(0, value);
    return violations;
}

bool Validator::accepts(const json::value& value) const { return Walk(*impl_, nullptr).check(0, value); }

std::string Violation::pointer() const {
    std::string out;
    for (const auto& step : path) {
        out += '/';
        if (const auto* index = std::get_if<std::size_t>(&step)) {
            out += std::to_string(*index);
            continue;
        }
        for (char c : std::get<std::string>(step)) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    return out;
}

std::string Violation::dotted() const {
    std::string out;
    for (const auto& step : path) {
        if (const auto* index = std::get_if<std::size_t>(&step))
            out += out.empty() ? std::to_string(*index) : fmt::format("[{}]", *index);
        else
            out += (out.empty() ? "" : ".") + std::get<std::string>(step);
    }
    return out;
}

}  // namespace pincer::mcp::schema
