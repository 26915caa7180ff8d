package tidy

import (
	"go/ast"
	"go/token"
	"maps"
	"strconv"
	"strings"
)

// texts is what is known of the strings that names stand for, so that a
// statement put together from constants is judged as a whole.
type texts struct {
	// names maps a constant or variable to its text.
	names map[string]string
	// growing are local names that are added to; they are judged where they
	// are used, not piece by piece.
	growing map[string]bool
}

// packageTexts collects the package-level constants and variables that are
// declared with a text.
func packageTexts(files []File) texts {
	values := map[string]ast.Expr{}
	for _, file := range files {
		for _, declaration := range file.Syntax.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				value, ok := spec.(*ast.ValueSpec)
				if ok && len(value.Values) == 1 && only(value.Names) != "" && holdsText(value.Values[0]) {
					values[only(value.Names)] = value.Values[0]
				}
			}
		}
	}
	known := texts{names: map[string]string{}}
	// Constants refer to each other in any order; a few rounds reach all of
	// them, since nobody nests columns deeper.
	for range 4 {
		for name, value := range values {
			known.names[name] = known.text(value)
		}
	}
	return known
}

// holdsText says that the expression is a text, or a list or struct of texts,
// such as a table's columns.
func holdsText(node ast.Expr) bool {
	_, list := node.(*ast.CompositeLit)
	return list || isText(node)
}

// with adds the names of a function's body that grow: by +=, WriteString or
// Fprintf. Everything added counts, in the order of the source.
func (t texts) with(body *ast.BlockStmt) texts {
	inner := texts{names: maps.Clone(t.names), growing: map[string]bool{}}
	ast.Inspect(body, func(node ast.Node) bool {
		if name, _ := growth(node); name != "" {
			inner.growing[name] = true
			inner.names[name] = ""
		}
		return true
	})
	ast.Inspect(body, func(node ast.Node) bool {
		name, added := growth(node)
		if assign, ok := node.(*ast.AssignStmt); ok && name == "" && len(assign.Lhs) == 1 && len(assign.Rhs) == 1 {
			if target, ok := assign.Lhs[0].(*ast.Ident); ok && inner.growing[target.Name] {
				name, added = target.Name, assign.Rhs
			}
		}
		if spec, ok := node.(*ast.ValueSpec); ok && inner.growing[only(spec.Names)] {
			name, added = only(spec.Names), spec.Values
		}
		for _, part := range added {
			inner.names[name] += " " + inner.text(part)
		}
		return true
	})
	return inner
}

// growth returns the name that a statement or call adds text to, and the text.
func growth(node ast.Node) (string, []ast.Expr) {
	switch node := node.(type) {
	case *ast.AssignStmt:
		if target, ok := node.Lhs[0].(*ast.Ident); ok && node.Tok == token.ADD_ASSIGN && isText(node.Rhs[0]) {
			return target.Name, node.Rhs
		}
	case *ast.CallExpr:
		selector, ok := node.Fun.(*ast.SelectorExpr)
		if !ok || len(node.Args) == 0 {
			return "", nil
		}
		if target, ok := selector.X.(*ast.Ident); ok && selector.Sel.Name == "WriteString" {
			return target.Name, node.Args
		}
		if selector.Sel.Name != "Fprintf" {
			return "", nil
		}
		into := node.Args[0]
		if address, ok := into.(*ast.UnaryExpr); ok {
			into = address.X
		}
		if target, ok := into.(*ast.Ident); ok {
			return target.Name, node.Args[1:]
		}
	}
	return "", nil
}

// built says that the assignment only grows a name that is judged later.
func (t texts) built(assign *ast.AssignStmt) bool {
	target, ok := assign.Lhs[0].(*ast.Ident)
	return ok && len(assign.Rhs) == 1 && t.growing[target.Name] && isText(assign.Rhs[0])
}

// text is what is known of an expression's value, "" where nothing is.
func (t texts) text(node ast.Expr) string {
	switch node := node.(type) {
	case *ast.BasicLit:
		if value, err := strconv.Unquote(node.Value); err == nil && node.Kind == token.STRING {
			return value
		}
	case *ast.BinaryExpr:
		return t.text(node.X) + t.text(node.Y)
	case *ast.ParenExpr:
		return t.text(node.X)
	case *ast.Ident:
		return t.names[node.Name]
	case *ast.SelectorExpr:
		return t.text(node.X)
	case *ast.KeyValueExpr:
		return t.text(node.Value)
	case *ast.CompositeLit:
		return t.all(node.Elts)
	case *ast.CallExpr:
		return t.all(node.Args)
	}
	return ""
}

func (t texts) all(nodes []ast.Expr) string {
	var parts []string
	for _, node := range nodes {
		parts = append(parts, t.text(node))
	}
	return strings.Join(parts, " ")
}
