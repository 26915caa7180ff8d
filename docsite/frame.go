package docsite

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// languages of the frame; the first is the default. The pages themselves are in
// English.
var languages = []string{"en", "zh"}

// themes: auto is what the browser says.
var themes = []string{"auto", "light", "dark"}

const (
	languageCookie = "refundry_language"
	themeCookie    = "refundry_theme"
	// keptSeconds is how long a browser keeps what somebody chose: a year.
	keptSeconds = 365 * 24 * 3600
)

// readCatalogue reads the texts of the frame by name and language.
func readCatalogue() map[string]map[string]string {
	var texts map[string]map[string]string
	_ = must(toml.Decode(string(must(files.ReadFile("catalogue.toml"))), &texts))
	return texts
}

// frame is what a template shows.
type frame struct {
	*Site
	Page     *article
	Content  content
	Language string
	Theme    string
	Missing  bool
}

// show sends a page in the language and colours that were chosen.
func (s *Site) show(w http.ResponseWriter, r *http.Request, page *article, status int) {
	page.once.Do(func() { page.content = page.render(s, page) })
	f := frame{Site: s, Page: page, Content: page.content, Missing: status != http.StatusOK}
	f.Language = chosen(w, r, "lang", languageCookie, languages)
	if f.Language == "" {
		f.Language = asked(r.Header.Get("Accept-Language"))
	}
	f.Theme = chosen(w, r, "theme", themeCookie, themes)
	if f.Theme == "" {
		f.Theme = themes[0]
	}
	var out bytes.Buffer
	if err := s.frames[f.Language].Execute(&out, f); err != nil {
		panic("show documentation: " + err.Error())
	}
	w.Header().Add("Vary", "Accept-Language, Cookie")
	newRendered("text/html; charset=utf-8", out.Bytes()).serve(w, r, status)
}

// chosen is what the address says, which the browser then keeps, or what it kept; ""
// for neither.
func chosen(w http.ResponseWriter, r *http.Request, parameter, cookie string, known []string) string {
	if value := r.URL.Query().Get(parameter); slices.Contains(known, value) {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: value, Path: Prefix, MaxAge: keptSeconds, SameSite: http.SameSiteLaxMode, HttpOnly: true, Secure: r.TLS != nil})
		return value
	}
	if kept, err := r.Cookie(cookie); err == nil && slices.Contains(known, kept.Value) {
		return kept.Value
	}
	return ""
}

// asked is the first language of a browser's list that we have.
func asked(accept string) string {
	for one := range strings.SplitSeq(accept, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(one), ";")
		name, _, _ = strings.Cut(strings.ToLower(name), "-")
		if slices.Contains(languages, name) {
			return name
		}
	}
	return languages[0]
}

// HTMLLanguage is the frame's language as HTML names it.
func (f frame) HTMLLanguage() string {
	if f.Language == "zh" {
		return "zh-CN"
	}
	return "en"
}

// Title is the page's, in the frame's language where it is the frame's own.
func (f frame) Title() string {
	switch {
	case f.Missing:
		return f.texts["missing"][f.Language]
	case f.Page.Title == "":
		return f.texts["title"][f.Language]
	}
	return f.Page.Title
}

// Groups are the parts of the index.
func (f frame) Groups() []group { return f.groups }

// Index reports whether the page is the index itself.
func (f frame) Index() bool { return f.Page.Address == "" || f.Missing }

// Link is the address of a page.
func (f frame) Link(page *article) string { return Prefix + page.Address }
