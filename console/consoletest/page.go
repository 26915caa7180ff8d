package consoletest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is what a browser shows.
type Page struct {
	Status int
	Header http.Header
	// URL is the page's, after redirects.
	URL  *url.URL
	Body string
	root *html.Node
}

func newPage(t testing.TB, response *http.Response, text []byte) *Page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return &Page{response.StatusCode, response.Header, response.Request.URL, string(text), root}
}

// Path is the page's address without its query.
func (p *Page) Path() string { return p.URL.Path }

// Text is what a person reads, with single blanks.
func (p *Page) Text() string { return textOf(p.find(element("body"))) }

// Has reports whether a person reads the text.
func (p *Page) Has(text string) bool { return strings.Contains(p.Text(), text) }

// Title is the page's title, Language that of <html lang>.
func (p *Page) Title() string { return textOf(p.find(element("title"))) }

// Language is that of <html lang>.
func (p *Page) Language() string { return attribute(p.find(element("html")), "lang") }

// Heading is the text of the first <h1>.
func (p *Page) Heading() string { return textOf(p.find(element("h1"))) }

// Problem is the error shown, "" for none; Flash the message of the action before.
func (p *Page) Problem() string { return textOf(p.find(class("problem"))) }

// Flash is the message of the action before, "" for none.
func (p *Page) Flash() string { return textOf(p.find(class("flash"))) }

// Link is the address of the first link with a text, "" for none.
func (p *Page) Link(text string) string {
	return attribute(p.find(func(n *html.Node) bool { return element("a")(n) && textOf(n) == text }), "href")
}

// Rows are the texts of a table's cells, its header first. The table is named by
// its caption, "" for the first.
func (p *Page) Rows(caption string) [][]string {
	table := p.find(func(n *html.Node) bool {
		return element("table")(n) && (caption == "" || textOf(find(n, element("caption"))) == caption)
	})
	var rows [][]string
	for _, tr := range all(table, element("tr")) {
		var cells []string
		for _, cell := range all(tr, func(n *html.Node) bool { return element("td")(n) || element("th")(n) }) {
			cells = append(cells, textOf(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

// Form is a form of a page, with what its fields hold.
type Form struct {
	Method, Action string
	Values         url.Values
	node           *html.Node
}

// Form finds the form with a button of that text; nil if there is none.
func (p *Page) Form(button string) *Form {
	for _, node := range all(p.root, element("form")) {
		for _, b := range all(node, element("button")) {
			if textOf(b) == button {
				return readForm(node, b)
			}
		}
	}
	return nil
}

// Posts are the page's forms that change something, one for each of their buttons.
func (p *Page) Posts() (forms []*Form) {
	for _, node := range all(p.root, element("form")) {
		for _, b := range all(node, element("button")) {
			f := readForm(node, b)
			if other := attribute(b, "formaction"); other != "" {
				f.Action = other
			}
			if f.Method == http.MethodPost {
				forms = append(forms, f)
			}
		}
	}
	return forms
}

// Links are the addresses of the page's links.
func (p *Page) Links() (paths []string) {
	for _, a := range all(p.root, element("a")) {
		paths = append(paths, attribute(a, "href"))
	}
	return paths
}

func readForm(node, pressed *html.Node) *Form {
	f := &Form{Method: strings.ToUpper(attribute(node, "method")), Action: attribute(node, "action"), Values: url.Values{}, node: node}
	for _, n := range all(node, func(n *html.Node) bool { return attribute(n, "name") != "" }) {
		name, kind := attribute(n, "name"), attribute(n, "type")
		switch {
		case n.Data == "select":
			options := all(n, element("option"))
			chosen := slices.IndexFunc(options, func(o *html.Node) bool { return has(o, "selected") })
			if len(options) > 0 { // a browser chooses the first where none is
				f.Values.Add(name, attribute(options[max(0, chosen)], "value"))
			}
		case n.Data == "textarea":
			f.Values.Add(name, textOf(n))
		case n.Data == "button" && n != pressed, kind == "checkbox" && !has(n, "checked"), kind == "radio" && !has(n, "checked"):
		default:
			f.Values.Add(name, attribute(n, "value"))
		}
	}
	return f
}

// Fill sets the field with a label, and fails the test where there is none.
func (f *Form) Fill(t testing.TB, label, value string) *Form {
	t.Helper()
	for _, l := range all(f.node, element("label")) {
		if textOf(l) != label {
			continue
		}
		id := attribute(l, "for")
		field := find(f.node, func(n *html.Node) bool {
			return id != "" && attribute(n, "id") == id
		})
		if id == "" {
			field = find(l, func(n *html.Node) bool { return attribute(n, "name") != "" })
		}
		if name := attribute(field, "name"); name != "" {
			f.Values.Set(name, value)
			return f
		}
	}
	t.Fatalf("the form has no field labelled %q:\n%s", label, textOf(f.node))
	return nil
}

// Submit sends a form of a page.
func (b *Browser) Submit(t testing.TB, f *Form) *Page {
	t.Helper()
	if f == nil {
		t.Fatal("there is no such form")
	}
	if f.Method == http.MethodPost {
		return b.Post(t, f.Action, f.Values)
	}
	return b.Get(t, f.Action+"?"+f.Values.Encode())
}

// Find returns the nodes that fit, in the order of the page.
func (p *Page) Find(fits func(*html.Node) bool) []*html.Node { return all(p.root, fits) }

func (p *Page) find(fits func(*html.Node) bool) *html.Node { return find(p.root, fits) }

func find(root *html.Node, fits func(*html.Node) bool) *html.Node {
	if found := all(root, fits); len(found) > 0 {
		return found[0]
	}
	return nil
}

func all(root *html.Node, fits func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	if root == nil {
		return nil
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && fits(n) {
			found = append(found, n)
		}
	}
	return found
}

func element(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == name }
}

func class(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return slices.Contains(strings.Fields(attribute(n, "class")), name) }
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func attribute(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	if n == nil {
		return ""
	}
	var out strings.Builder
	for one := range n.Descendants() {
		if one.Type == html.TextNode && one.Parent.Data != "script" && one.Parent.Data != "style" {
			out.WriteString(one.Data + " ")
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
