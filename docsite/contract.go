package docsite

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/oasdiff/yaml3"

	"github.com/refundry/refundry/openapi"
)

// node is a value of a contract, which keeps the order in which it was written.
type node struct{ yaml *yaml.Node }

// readContract reads an OpenAPI document.
func readContract(text []byte) document {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil || len(root.Content) != 1 {
		panic(fmt.Sprintf("read contract: %v", err))
	}
	return document{node{root.Content[0]}}
}

// get finds a member; a node of nothing where there is none.
func (n node) get(names ...string) node {
	for _, name := range names {
		found := node{}
		for key, value := range n.members() {
			if key == name {
				found = value
			}
		}
		n = found
	}
	return n
}

// members are the pairs of a mapping in their order.
func (n node) members() func(func(string, node) bool) {
	return func(yield func(string, node) bool) {
		if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.yaml.Content); i += 2 {
			if !yield(n.yaml.Content[i].Value, node{n.yaml.Content[i+1]}) {
				return
			}
		}
	}
}

// items are the members of a sequence.
func (n node) items() []node {
	if n.yaml == nil || n.yaml.Kind != yaml.SequenceNode {
		return nil
	}
	var all []node
	for _, one := range n.yaml.Content {
		all = append(all, node{one})
	}
	return all
}

// text is a scalar's.
func (n node) text() string {
	if n.yaml == nil || n.yaml.Kind != yaml.ScalarNode {
		return ""
	}
	return n.yaml.Value
}

func (n node) there() bool { return n.yaml != nil }

// document is an OpenAPI contract.
type document struct{ node }

func (d document) title() string { return d.get("info", "title").text() }

// follow returns what a reference names in its document, else the node itself.
func (d document) follow(n node) node {
	name, ok := strings.CutPrefix(n.get("$ref").text(), "#/")
	if !ok {
		return n
	}
	return d.get(strings.Split(name, "/")...)
}

// The parts of a contract's page.
type (
	contract struct {
		Name, Title string
		Version     string
		Description template.HTML
		Security    []row
		Tags        []tag
		Schemas     []schema
	}
	tag struct {
		ID, Name    string
		Description template.HTML
		Operations  []operation
	}
	operation struct {
		ID, Method, Path, Summary string
		Description               template.HTML
		Parameters                []row
		Bodies                    []body
		Answers                   []answer
	}
	body struct {
		Kind        string
		Description template.HTML
		Schema      schema
	}
	answer struct {
		Status      string
		Description template.HTML
		Kind        template.HTML
	}
	schema struct {
		ID, Name    string
		Description template.HTML
		Kind        template.HTML
		Rows        []row
	}
	row struct {
		Name, In    string
		Required    bool
		Kind        template.HTML
		Description template.HTML
	}
)

// renderContract renders an OpenAPI document.
func renderContract(s *Site, page *article) content {
	text, _ := openapi.Contract(page.source)
	doc := readContract(text)
	view := contract{Name: page.source, Title: doc.title(), Version: doc.get("info", "version").text(), Description: inline(doc.get("info", "description").text())}
	for name, scheme := range doc.get("components", "securitySchemes").members() {
		view.Security = append(view.Security, row{Name: name, In: scheme.get("in").text(), Kind: code(strings.TrimSpace(scheme.get("type").text() + " " + scheme.get("scheme").text() + scheme.get("name").text())), Description: inline(scheme.get("description").text())})
	}
	view.Tags = doc.tags()
	c := content{anchors: map[string]bool{}}
	for _, t := range view.Tags {
		c.Headings = append(c.Headings, heading{t.ID, t.Name})
		c.anchors[t.ID] = true
		for _, o := range t.Operations {
			c.anchors[o.ID] = true
		}
	}
	for name, value := range doc.get("components", "schemas").members() {
		made := doc.schema(value)
		made.ID, made.Name = "schema-"+name, name
		view.Schemas = append(view.Schemas, made)
		c.anchors[made.ID] = true
	}
	var out bytes.Buffer
	if err := s.contract.Execute(&out, view); err != nil {
		panic("render contract: " + err.Error())
	}
	c.HTML = template.HTML(out.String()) //nolint:gosec // made by html/template
	return c
}

// methods are the members of a path that are operations, in the order of the page.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// tags are the operations by the first of their tags, in the order in which the
// document declares them.
func (d document) tags() []tag {
	var all []tag
	find := func(name string) *tag {
		at := slices.IndexFunc(all, func(t tag) bool { return t.Name == name })
		if at < 0 {
			all = append(all, tag{ID: "tag-" + anchor(name), Name: name})
			at = len(all) - 1
		}
		return &all[at]
	}
	for _, declared := range d.get("tags").items() {
		find(declared.get("name").text()).Description = inline(declared.get("description").text())
	}
	for path, item := range d.get("paths").members() {
		for _, method := range methods {
			op := item.get(strings.ToLower(method))
			if !op.there() {
				continue
			}
			name := "other"
			if names := op.get("tags").items(); len(names) > 0 {
				name = names[0].text()
			}
			t := find(name)
			t.Operations = append(t.Operations, d.operation(method, path, item, op))
		}
	}
	return slices.DeleteFunc(all, func(t tag) bool { return len(t.Operations) == 0 })
}

func (d document) operation(method, path string, item, op node) operation {
	o := operation{Method: method, Path: path, Summary: op.get("summary").text(), Description: inline(op.get("description").text())}
	o.ID = anchor(method + " " + path)
	for _, given := range slices.Concat(item.get("parameters").items(), op.get("parameters").items()) {
		p := d.follow(given)
		o.Parameters = append(o.Parameters, row{
			Name: p.get("name").text(), In: p.get("in").text(), Required: p.get("required").text() == "true",
			Kind: d.kind(p.get("schema")), Description: inline(join(p.get("description").text(), limits(p.get("schema")))),
		})
	}
	request := d.follow(op.get("requestBody"))
	for kind, media := range request.get("content").members() {
		o.Bodies = append(o.Bodies, body{Kind: kind, Description: inline(request.get("description").text()), Schema: d.schema(media.get("schema"))})
	}
	for status, given := range op.get("responses").members() {
		one := d.follow(given)
		a := answer{Status: status, Description: inline(one.get("description").text())}
		var kinds []string
		for kind, media := range one.get("content").members() {
			kinds = append(kinds, string(code(kind))+" "+string(d.kind(media.get("schema"))))
		}
		a.Kind = template.HTML(strings.Join(kinds, ", ")) //nolint:gosec // made of escaped parts
		o.Answers = append(o.Answers, a)
	}
	return o
}

// anchor is a text as the id of an element.
func anchor(text string) string {
	return strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-"), "-")
}

// code is a text in the form of code.
func code(text string) template.HTML {
	if text == "" {
		return ""
	}
	return template.HTML("<code>" + template.HTMLEscapeString(text) + "</code>") //nolint:gosec // escaped
}

// join puts two sentences behind each other.
func join(first, second string) string {
	return strings.TrimSpace(strings.TrimSpace(first) + " " + second)
}
