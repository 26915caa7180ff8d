package docsite

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"golang.org/x/net/html"

	"github.com/refundry/refundry/openapi"
)

// get asks the site for an address.
func get(t *testing.T, s *Site, address string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	for n := 0; n < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request)
	return w
}

// seen is what a walk finds on a page.
type seen struct {
	links []string
	ids   map[string]int
	h1    int
}

// look reads a page and fails on what the content policy would not let work.
func look(t *testing.T, address, page string) seen {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	found := seen{ids: map[string]int{}}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "style", "iframe", "object":
			t.Errorf("%s has an element %s", address, n.Data)
		case "h1":
			found.h1++
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				found.ids[a.Val]++
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("%s has %s=%q", address, a.Key, a.Val)
			case a.Key == "src", a.Key == "href" && n.Data == "link":
				if !strings.HasPrefix(a.Val, Prefix) {
					t.Errorf("%s loads %s", address, a.Val)
				}
				found.links = append(found.links, a.Val)
			case a.Key == "href":
				found.links = append(found.links, a.Val)
			}
		}
	}
	return found
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	s := New()
	pages := map[string]seen{}
	todo := []string{Prefix}
	for len(todo) > 0 {
		address := todo[0]
		todo = todo[1:]
		if _, done := pages[address]; done {
			continue
		}
		response := get(t, s, address)
		if response.Code != http.StatusOK {
			t.Errorf("%s answers %d", address, response.Code)
			continue
		}
		page := response.Body.String()
		if !strings.HasPrefix(response.Header().Get("Content-Type"), "text/html") {
			pages[address] = seen{}
			continue
		}
		found := look(t, address, page)
		pages[address] = found
		for _, link := range found.links {
			if target, _, _ := strings.Cut(link, "#"); strings.HasPrefix(target, Prefix) {
				todo = append(todo, target)
			}
		}
	}
	for address, page := range pages {
		if page.ids != nil && page.h1 != 1 {
			t.Errorf("%s has %d first headings", address, page.h1)
		}
		for id, times := range page.ids {
			if times > 1 {
				t.Errorf("%s has %d elements with the id %s", address, times, id)
			}
		}
		for _, link := range page.links {
			checkLink(t, pages, address, link)
		}
	}
	for address := range s.pages {
		if _, reached := pages[Prefix+address]; !reached && address != missing {
			t.Errorf("no link leads to %s", address)
		}
	}
	if len(pages) < 40 {
		t.Errorf("the walk saw %d pages alone", len(pages))
	}
}

func checkLink(t *testing.T, pages map[string]seen, address, link string) {
	t.Helper()
	target, anchor, has := strings.Cut(link, "#")
	if target == "" {
		target = address
	}
	switch {
	case strings.HasPrefix(link, "?"), strings.HasPrefix(target, "/console/"), target == "/refundry/v1/openapi.yaml":
	case strings.HasPrefix(target, repository):
		if _, err := os.Stat(filepath.Join("..", strings.TrimPrefix(target, repository))); err != nil {
			t.Errorf("%s names %s, which is not in the repository", address, target)
		}
	case strings.HasPrefix(target, "https://"), strings.HasPrefix(target, "http://"):
	case !strings.HasPrefix(target, Prefix):
		t.Errorf("%s has the link %s", address, link)
	case has && pages[target].ids[anchor] == 0:
		t.Errorf("%s has the link %s, and there is no such place", address, link)
	}
}

func TestEveryOperationOfEveryContractIsOnItsPage(t *testing.T) {
	s := New()
	for _, name := range openapi.Names() {
		contract, _ := openapi.Contract(name)
		doc, err := openapi3.NewLoader().LoadFromData(contract)
		if err != nil {
			t.Fatal(err)
		}
		page := get(t, s, Prefix+"api/"+name).Body.String()
		for path, item := range doc.Paths.Map() {
			for method := range item.Operations() {
				if !strings.Contains(page, `<span class="method">`+method+`</span> <code>`+path+`</code>`) {
					t.Errorf("%s: %s %s is missing", name, method, path)
				}
			}
		}
		for schema, one := range doc.Components.Schemas {
			if !strings.Contains(page, `id="schema-`+schema+`"`) {
				t.Errorf("%s: the schema %s is missing", name, schema)
			}
			for member := range one.Value.Properties {
				if !strings.Contains(page, member) {
					t.Errorf("%s: %s.%s is missing", name, schema, member)
				}
			}
		}
		if got := get(t, s, Prefix+"api/"+name+".yaml").Body.String(); got != string(contract) {
			t.Errorf("%s: the file is not the contract", name)
		}
	}
}

func TestTheFrameHasEachTextInBothLanguages(t *testing.T) {
	s := New()
	layout := string(must(files.ReadFile("template/layout.html")))
	names := map[string]bool{"title": true, "missing": true}
	for _, found := range regexp.MustCompile(`\{\{t "([^"]+)"\}\}`).FindAllStringSubmatch(layout, -1) {
		names[found[1]] = true
	}
	for _, g := range s.groups {
		names[g.Name] = true
	}
	for name := range names {
		for _, language := range languages {
			if s.texts[name][language] == "" {
				t.Errorf("%s has no text in %s", name, language)
			}
		}
	}
	for name := range s.texts {
		if !names[name] {
			t.Errorf("nothing shows the text %s", name)
		}
	}
}

func TestLanguageAndColoursAreChosenAndKept(t *testing.T) {
	s := New()
	if page := get(t, s, Prefix, "Accept-Language", "zh-CN,en;q=0.5").Body.String(); !strings.Contains(page, `<html lang="zh-CN">`) || !strings.Contains(page, "文档") {
		t.Error("a browser that asks for Chinese gets no Chinese")
	}
	response := get(t, s, Prefix+"sandbox?lang=zh&theme=dark", "Accept-Language", "en")
	if page := response.Body.String(); !strings.Contains(page, `<html lang="zh-CN" data-theme="dark">`) || !strings.Contains(page, `<main id="main" lang="en">`) {
		t.Error("the choice is not on the page")
	}
	var kept []string
	for _, cookie := range response.Header()["Set-Cookie"] {
		value, _, _ := strings.Cut(cookie, ";")
		kept = append(kept, value)
	}
	if page := get(t, s, Prefix, "Cookie", strings.Join(kept, "; ")).Body.String(); !strings.Contains(page, `<html lang="zh-CN" data-theme="dark">`) {
		t.Errorf("%v does not keep the choice", kept)
	}
	if page := get(t, s, Prefix+"?lang=fr&theme=red").Body.String(); !strings.Contains(page, `<html lang="en">`) {
		t.Error("a language that there is not changes the page")
	}
}

func TestAddresses(t *testing.T) {
	s := New()
	for address, want := range map[string]int{
		"": 200, "sandbox": 200, "operations": 200, "examples/charges.csv": 200,
		"nowhere": 404, "404": 404, "template/layout.html": 404, "..%2f": 404,
	} {
		response := get(t, s, Prefix+address)
		if response.Code != want && address != missing {
			t.Errorf("%s answers %d", address, response.Code)
		}
		if response.Header().Get("Content-Security-Policy") != contentPolicy {
			t.Errorf("%s has no content policy", address)
		}
	}
	for from, to := range map[string]string{
		"sandbox.md": "sandbox", "operations/README.md": "operations", "operations/": "operations", "operations/install.md": "operations/install",
	} {
		response := get(t, s, Prefix+from)
		if got := response.Header().Get("Location"); response.Code != http.StatusMovedPermanently || got != Prefix+to {
			t.Errorf("%s answers %d %s", from, response.Code, got)
		}
	}
}

func TestAPageThatTheBrowserHasIsNotSentAgain(t *testing.T) {
	s := New()
	first := get(t, s, Prefix+"money")
	if again := get(t, s, Prefix+"money", "If-None-Match", first.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.String() != "" {
		t.Errorf("the answer is %d", again.Code)
	}
	packed := get(t, s, Prefix+"money", "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || len(packed.Body.String()) > len(first.Body.String())/2 {
		t.Error("the page is not compressed")
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	New().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodPost, Prefix, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST is answered %d", w.Code)
	}
}

func TestWhatAPageSaysIsText(t *testing.T) {
	if got := string(inline("a <script>alert(1)</script> **b** [c](javascript:alert(1))")); strings.Contains(got, "<script") || strings.Contains(got, "javascript:") {
		t.Errorf("rendered as %s", got)
	}
}
