// Package openapitest holds requests and answers of the real service against a
// contract. Only tests import it.
package openapitest

import (
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// Contract is a contract, and what of it was seen at work.
type Contract struct {
	doc   *openapi3.T
	paths []servedPath
	seen  map[string]bool
}

type servedPath struct {
	form *regexp.Regexp
	item *openapi3.PathItem
}

// parameter is a name in braces, such as {id}.
var parameter = regexp.MustCompile(`\\\{[^}]+\\\}`)

// Load reads a contract.
func Load(t testing.TB, text []byte) *Contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	c := &Contract{doc: doc, seen: make(map[string]bool)}
	// Paths without parameters come before those that would take them, too.
	for _, path := range doc.Paths.InMatchingOrder() {
		form := "^" + parameter.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$"
		c.paths = append(c.paths, servedPath{regexp.MustCompile(form), doc.Paths.Value(path)})
	}
	return c
}

// operation finds what the contract says of a request, nil if nothing.
func (c *Contract) operation(method, path string) *openapi3.Operation {
	for _, p := range c.paths {
		if p.form.MatchString(path) {
			return p.item.GetOperation(method)
		}
	}
	return nil
}

// Check holds a request and its answer against the contract. The request is
// looked at only where it was answered with success: bad ones are meant to
// break the contract.
func (c *Contract) Check(t testing.TB, r *http.Request, body string, status int, header http.Header, answer string) {
	t.Helper()
	where := r.Method + " " + r.URL.Path
	operation := c.operation(r.Method, r.URL.Path)
	if operation == nil {
		if status < http.StatusBadRequest {
			t.Errorf("%s is answered %d and not in the contract", where, status)
		}
		return
	}
	said := operation.Responses.Status(status)
	if said == nil {
		said = operation.Responses.Default()
	}
	if said == nil {
		t.Errorf("%s: the contract has no answer %d", where, status)
		return
	}
	c.content(t, where+" answer", said.Value.Content, header.Get("Content-Type"), answer)
	if status >= http.StatusBadRequest {
		return
	}
	c.seen[operation.OperationID] = true
	if operation.RequestBody != nil && body != "" {
		kinds := operation.RequestBody.Value.Content
		for kind := range kinds { // the service takes any content type
			c.content(t, where+" request", kinds, kind, body)
			break
		}
	}
}

func (c *Contract) content(t testing.TB, where string, kinds openapi3.Content, contentType, text string) {
	t.Helper()
	kind, _, err := mime.ParseMediaType(contentType)
	said := kinds[kind]
	if err != nil || said == nil {
		t.Errorf("%s: the contract has no content type %q", where, contentType)
		return
	}
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Errorf("%s: %v in %s", where, err, text)
		return
	}
	if err := c.doc.ValidateSchemaJSON(said.Schema.Value, value); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

// Line holds one line of an NDJSON answer against a schema of the contract.
func (c *Contract) Line(t testing.TB, schema, line string) {
	t.Helper()
	kinds := openapi3.NewContentWithJSONSchemaRef(c.doc.Components.Schemas[schema])
	c.content(t, schema, kinds, "application/json", line)
}

// Operations lists the contract's calls as "GET /path".
func (c *Contract) Operations() []string {
	var all []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// Unseen lists the operations of which no success was held against the contract.
func (c *Contract) Unseen() []string {
	var unseen []string
	for _, item := range c.doc.Paths.Map() {
		for _, operation := range item.Operations() {
			if !c.seen[operation.OperationID] {
				unseen = append(unseen, operation.OperationID)
			}
		}
	}
	slices.Sort(unseen)
	return unseen
}
