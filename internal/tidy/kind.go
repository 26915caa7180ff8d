package tidy

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
)

// errorKinds are the constants of refund.Kind, from refund/errors.go.
func errorKinds(files []File) []string {
	var kinds []string
	for _, file := range files {
		if file.Path != "refund/errors.go" {
			continue
		}
		for _, declaration := range file.Syntax.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				value, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				if name, ok := value.Type.(*ast.Ident); !ok || name.Name != "Kind" {
					continue
				}
				for _, name := range value.Names {
					kinds = append(kinds, name.Name)
				}
			}
		}
	}
	return kinds
}

// ErrorKind finds dialects that do not say how they tell an error kind of the
// core: each must be named in the dialect's errors.go.
func ErrorKind(files []File) []Finding {
	const rule = "error kind"
	kinds := errorKinds(files)
	tables := map[string]*File{}
	for _, file := range files {
		if path.Dir(file.dir()) != "dialect" || file.test() {
			continue
		}
		if path.Base(file.Path) == "errors.go" {
			tables[file.dir()] = &file
		} else if _, ok := tables[file.dir()]; !ok {
			tables[file.dir()] = nil
		}
	}
	var found []Finding
	for dir, table := range tables {
		if table == nil {
			found = append(found, Finding{File: dir + "/errors.go", Rule: rule, Text: "is missing: the table from error kinds to the dialect's answers lives there"})
			continue
		}
		named := kindsNamed(*table)
		for _, kind := range kinds {
			if !slices.Contains(named, kind) {
				found = append(found, table.finding(table.Syntax.Name.Pos(), rule, "refund.%s has no row in the table of %s", kind, dir))
			}
		}
	}
	return found
}

// kindsNamed are the names of package refund that a file uses.
func kindsNamed(file File) []string {
	core := importName(file, module+"/refund")
	var names []string
	ast.Inspect(file.Syntax, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if from, ok := selector.X.(*ast.Ident); ok && core != "" && from.Name == core {
			names = append(names, selector.Sel.Name)
		}
		return true
	})
	return names
}
