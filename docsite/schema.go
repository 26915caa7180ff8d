package docsite

import (
	"html/template"
	"strings"
)

// maxDepth is how deep a schema is unfolded; what lies deeper is named by its type.
// The contracts name what is large, so that nothing they have is deeper.
const maxDepth = 6

// schema is a schema as a table: a row for each member, with the way to it.
func (d document) schema(n node) schema {
	s := schema{Description: inline(join(n.get("description").text(), limits(n))), Kind: d.kind(n)}
	if !n.get("$ref").there() {
		d.rows(&s.Rows, "", n, 0)
	}
	return s
}

// rows adds the members of an object, of an array's items, or of the alternatives.
func (d document) rows(to *[]row, prefix string, n node, depth int) {
	if n.get("$ref").there() || depth > maxDepth {
		return
	}
	required := map[string]bool{}
	for _, name := range n.get("required").items() {
		required[name.text()] = true
	}
	for name, member := range n.get("properties").members() {
		way := prefix + name
		*to = append(*to, row{Name: way, Required: required[name], Kind: d.kind(member), Description: inline(join(member.get("description").text(), limits(member)))})
		d.rows(to, way+".", member, depth+1)
	}
	if items := n.get("items"); items.there() {
		d.rows(to, strings.TrimSuffix(prefix, ".")+"[].", items, depth+1)
	}
	if more := n.get("additionalProperties"); more.get("properties").there() {
		d.rows(to, prefix+"*.", more, depth+1)
	}
	for _, choice := range choices {
		for _, one := range n.get(choice).items() {
			d.rows(to, prefix, one, depth+1)
		}
	}
}

// choices are how a schema is made of others.
var choices = []string{"allOf", "oneOf", "anyOf"}

// kind is a schema's type: a link where it has a name.
func (d document) kind(n node) template.HTML {
	if name, ok := strings.CutPrefix(n.get("$ref").text(), "#/components/schemas/"); ok {
		name = template.HTMLEscapeString(name)
		return template.HTML(`<a href="#schema-` + name + `">` + name + `</a>`) //nolint:gosec // escaped
	}
	var parts []string
	types := n.get("type")
	for _, one := range types.items() {
		parts = append(parts, template.HTMLEscapeString(one.text()))
	}
	if name := types.text(); name != "" {
		parts = append(parts, template.HTMLEscapeString(name))
	}
	text := strings.Join(parts, " or ")
	if items := n.get("items"); items.there() {
		text += " of " + string(d.kind(items))
	}
	if more := n.get("additionalProperties"); more.yaml != nil && more.text() != "false" && more.text() != "true" {
		text += " of " + string(d.kind(more))
	}
	for _, choice := range choices {
		var alternatives []string
		for _, one := range n.get(choice).items() {
			if kind := string(d.kind(one)); kind != "" {
				alternatives = append(alternatives, kind)
			}
		}
		if len(alternatives) > 0 {
			text = strings.TrimSpace(text + " " + strings.Join(alternatives, map[string]string{"allOf": " and ", "oneOf": " or ", "anyOf": " or "}[choice]))
		}
	}
	if format := n.get("format").text(); format != "" {
		text += " (" + template.HTMLEscapeString(format) + ")"
	}
	return template.HTML(text) //nolint:gosec // made of escaped parts
}

// limits says in words what a schema bounds.
func limits(n node) string {
	var parts []string
	list := func(label string, values []node) {
		var texts []string
		for _, value := range values {
			texts = append(texts, "`"+value.text()+"`")
		}
		if len(texts) > 0 {
			parts = append(parts, label+" "+strings.Join(texts, ", ")+".")
		}
	}
	list("One of", n.get("enum").items())
	for _, one := range []struct{ name, label string }{
		{"const", "Always"},
		{"default", "Default"},
		{"minimum", "At least"},
		{"exclusiveMinimum", "More than"},
		{"maximum", "At most"},
		{"minLength", "Characters, at least"},
		{"maxLength", "Characters, at most"},
		{"minItems", "Items, at least"},
		{"maxItems", "Items, at most"},
		{"pattern", "Pattern"},
	} {
		if value := n.get(one.name); value.text() != "" {
			list(one.label, []node{value})
		}
	}
	return strings.Join(parts, " ")
}
