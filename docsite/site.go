// Package docsite serves the documentation at /docs/: the pages of docs/ as HTML, and
// the contracts of openapi/ as tables. It is open to all and says what the published
// repository says. Pages are complete HTML without scripts, load nothing from other
// hosts, and obey the console's content policy.
package docsite

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/refundry/refundry/docs"
	"github.com/refundry/refundry/openapi"
)

//go:embed template asset catalogue.toml
var files embed.FS

// Prefix is where the site is mounted.
const Prefix = "/docs/"

// contentPolicy is the console's: everything comes from here, nothing is inline.
const contentPolicy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Site is the documentation. Its pages are rendered when they are first asked for.
type Site struct {
	groups   []group
	pages    map[string]*article // by address below Prefix, such as operations/install
	texts    map[string]map[string]string
	frames   map[string]*template.Template // by language
	contract *template.Template
	assets   map[string]rendered
}

// article is a page whose content is rendered once, whatever language its frame has.
type article struct {
	Address string // below Prefix
	Title   string
	source  string // its file below docs/, or the contract's name
	render  func(*Site, *article) content
	once    sync.Once
	content content
}

// content is what stands in a page's frame.
type content struct {
	HTML     template.HTML
	Headings []heading
	anchors  map[string]bool
}

// heading is one that the page's own index shows.
type heading struct{ ID, Text string }

// rendered is a file that is served as it is.
type rendered struct {
	kind          string
	plain, packed []byte
	tag           string // entity tag
}

// New makes the site. It panics where an embedded file is broken, which a test finds.
func New() *Site {
	s := &Site{pages: map[string]*article{}, assets: map[string]rendered{}, texts: readCatalogue()}
	s.contract = template.Must(template.ParseFS(files, "template/contract.html"))
	s.frames = map[string]*template.Template{}
	for _, language := range languages {
		texts := template.FuncMap{"t": func(name string) string { return s.texts[name][language] }}
		s.frames[language] = template.Must(template.New("layout.html").Funcs(texts).ParseFS(files, "template/layout.html"))
	}
	s.arrange()
	for name, kind := range map[string]string{"asset/docs.css": "text/css; charset=utf-8", "asset/icon.svg": "image/svg+xml"} {
		s.assets[name] = newRendered(kind, must(files.ReadFile(name)))
	}
	for _, name := range openapi.Names() {
		text, _ := openapi.Contract(name)
		s.assets["api/"+name+".yaml"] = newRendered("application/yaml; charset=utf-8", text)
	}
	examples := must(fs.Glob(docs.Files, "examples/*"))
	for _, name := range examples {
		s.assets[name] = newRendered("text/plain; charset=utf-8", must(docs.Files.ReadFile(name)))
	}
	return s
}

func must[T any](value T, err error) T {
	if err != nil {
		panic("read embedded documentation: " + err.Error())
	}
	return value
}

// ServeHTTP answers every address below Prefix.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "read only", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	if file, ok := s.assets[name]; ok {
		file.serve(w, r, http.StatusOK)
		return
	}
	if moved := s.moved(name); moved != "" {
		http.Redirect(w, r, Prefix+moved, http.StatusMovedPermanently)
		return
	}
	page, ok := s.pages[name]
	status := http.StatusOK
	if !ok {
		page, status = s.pages[missing], http.StatusNotFound
	}
	s.show(w, r, page, status)
}

// moved is where an address is meant that a person may type or a file may name:
// with .md behind it, a folder's README, a slash at its end. "" for none.
func (s *Site) moved(name string) string {
	clean := strings.TrimSuffix(strings.TrimSuffix(name, ".md"), "/")
	clean = strings.TrimSuffix(strings.TrimSuffix(clean, "README"), "/")
	if clean == name || s.pages[clean] == nil || clean == "" {
		return ""
	}
	return clean
}

func newRendered(kind string, text []byte) rendered {
	sum := sha256.Sum256(text)
	var packed bytes.Buffer
	z := must(gzip.NewWriterLevel(&packed, gzip.BestSpeed))
	_, _ = z.Write(text) // into memory
	_ = z.Close()
	return rendered{kind, text, packed.Bytes(), `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// serve sends a file; a browser asks each time whether it has changed, because an
// upgrade changes it under the same address.
func (f rendered) serve(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", f.tag)
	if status == http.StatusOK && r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	text := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = f.packed
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text)
	}
}

// folder is where a page's relative links begin.
func (a *article) folder() string { return path.Dir(a.source) }
