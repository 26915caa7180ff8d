package docsite

import (
	"bytes"
	"html/template"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/refundry/refundry/docs"
)

// repository is where links lead whose file is not among the pages.
const repository = "https://github.com/refundry/refundry/blob/main/"

// markdown renders pages. Raw HTML is left out, as it is goldmark's default, and no
// attribute of style is written, which the content policy would not let in.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), extension.Linkify, extension.Strikethrough),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// renderMarkdown renders a file of docs/.
func renderMarkdown(s *Site, page *article) content {
	source := must(docs.Files.ReadFile(page.source))
	tree := markdown.Parser().Parse(text.NewReader(source))
	c := content{anchors: map[string]bool{}}
	err := ast.Walk(tree, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Link:
			n.Destination = []byte(s.resolve(page, string(n.Destination)))
		case *ast.Heading:
			id, _ := n.AttributeString("id")
			name, _ := id.([]byte)
			c.anchors[string(name)] = true
			if n.Level == 2 {
				c.Headings = append(c.Headings, heading{string(name), plainText(n, source)})
			}
		}
		return ast.WalkContinue, nil
	})
	var out bytes.Buffer
	if err == nil {
		err = markdown.Renderer().Render(&out, source, tree)
	}
	if err != nil {
		panic("render " + page.source + ": " + err.Error())
	}
	c.HTML = template.HTML(accessible(out.String())) //nolint:gosec // goldmark escapes what is not its own
	return c
}

// accessible gives tables what assistive programs need: a heading says what it is
// the head of, an empty one is none, and what can be scrolled can be reached by keys.
var accessible = strings.NewReplacer(
	"<th></th>", "<td></td>",
	"<th>", `<th scope="col">`,
	"<table>", `<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>`,
	"</table>", "</table></div>",
).Replace

// inline renders a text of a contract, such as a description.
func inline(source string) template.HTML {
	if source == "" {
		return ""
	}
	var out bytes.Buffer
	if err := markdown.Convert([]byte(source), &out); err != nil {
		panic("render a description: " + err.Error())
	}
	return template.HTML(accessible(out.String())) //nolint:gosec // goldmark escapes what is not its own
}

// plainText is a heading without its form.
func plainText(node ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			out.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// resolve turns a link between files of the repository into one between pages.
func (s *Site) resolve(page *article, link string) string {
	if strings.Contains(link, "://") || strings.HasPrefix(link, "#") || strings.HasPrefix(link, "mailto:") {
		return link
	}
	target, anchor, has := strings.Cut(link, "#")
	if has {
		anchor = "#" + anchor
	}
	name := path.Join(page.folder(), target)
	if strings.HasPrefix(name, "..") {
		return repository + strings.TrimPrefix(name, "../") + anchor
	}
	if _, ok := s.assets[name]; ok {
		return Prefix + name + anchor
	}
	address := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".md"), "README"), "/")
	if _, ok := s.pages[address]; ok {
		return Prefix + address + anchor
	}
	return repository + "docs/" + name + anchor
}
