package docsite

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/refundry/refundry/docs"
	"github.com/refundry/refundry/openapi"
)

// group is a part of the index.
type group struct {
	// Name is its text in the catalogue.
	Name  string
	Pages []*article
}

// missing is the page for an address where there is none.
const missing = "404"

// plan says in which part of the index, and in which order, the files of docs/ are.
// A folder's name stands for its files; the last part takes what no other names.
var plan = []struct {
	name  string
	files []string
}{
	{"start", []string{"guide/setup.md", "sandbox.md", "import.md", "bulk.md", "webhooks.md", "guide"}},
	{"api", nil},
	{"channels", []string{"channels", "channel-sim.md", "reconcile.md"}},
	{"operations", []string{"operations/README.md", "operations/install.md", "operations/size.md", "operations/refunds.md", "approvals.md", "operations", "metrics.md"}},
	{"rules", []string{"money.md", "divergences", "rules", "privacy.md"}},
	{"inside", []string{"design.md", "adding-a-dialect.md", "adding-a-channel.md", ""}},
}

// arrange finds every page and puts it into the index.
func (s *Site) arrange() {
	names := must(fs.Glob(docs.Files, "*.md"))
	names = append(names, must(fs.Glob(docs.Files, "*/*.md"))...)
	taken := map[string]bool{}
	take := func(name string) *article {
		taken[name] = true
		text := must(docs.Files.ReadFile(name))
		first, _, _ := bytes.Cut(text, []byte("\n"))
		address := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".md"), "README"), "/")
		page := &article{Address: address, Title: strings.TrimPrefix(string(first), "# "), source: name, render: renderMarkdown}
		s.pages[address] = page
		return page
	}
	for _, part := range plan {
		g := group{Name: part.name}
		if part.name == "api" {
			g.Pages = s.contracts()
		}
		for _, entry := range part.files {
			for _, name := range names {
				if !taken[name] && (entry == "" || name == entry || path.Dir(name) == entry) {
					g.Pages = append(g.Pages, take(name))
				}
			}
		}
		s.groups = append(s.groups, g)
	}
	s.pages[""] = &article{render: func(*Site, *article) content { return content{} }}
	s.pages[missing] = &article{Address: missing, render: func(*Site, *article) content { return content{} }}
}

// contracts are the pages of the APIs, the native one first.
func (s *Site) contracts() []*article {
	names := openapi.Names()
	slices.SortFunc(names, func(a, b string) int {
		if (a == native) != (b == native) {
			if a == native {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var pages []*article
	for _, name := range names {
		text, _ := openapi.Contract(name)
		page := &article{Address: "api/" + name, Title: readContract(text).title(), source: name, render: renderContract}
		s.pages[page.Address] = page
		pages = append(pages, page)
	}
	return pages
}

// native is the contract of the API that can do everything.
const native = "native"
