package tidy

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
)

// exactPackages hold money or its written form; a float in them is a cent lost
// sooner or later.
var exactPackages = []string{"money", "ledger", "refund", "reconcile", "store", "wire"}

// floatNames are the types, and the calls that give one without naming it.
var floatNames = map[string]bool{
	"float32": true, "float64": true, "complex64": true, "complex128": true,
	"ParseFloat": true, "FormatFloat": true, "AppendFloat": true,
	"NewFloat": true, "SetFloat64": true, "Float64": true, "Float32": true,
}

// Float finds binary fractions where amounts are handled.
func Float(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		if file.test() || !slices.ContainsFunc(exactPackages, file.within) {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			name, ok := node.(*ast.Ident)
			if ok && floatNames[name.Name] {
				found = append(found, file.finding(name.Pos(), "float",
					"%s where amounts are handled: use whole minor units or the literal's digits", name.Name))
			}
			return true
		})
	}
	return found
}

// timelessPackages are pure: time comes in as an argument.
var timelessPackages = []string{"money", "refund"}

// clockCalls read the wall clock or wait for it.
var clockCalls = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true,
	"AfterFunc": true, "Tick": true, "NewTimer": true, "NewTicker": true,
}

// Clock finds looks at the clock in packages that must not have one.
func Clock(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		name := importName(file, "time")
		if file.test() || name == "" || !slices.ContainsFunc(timelessPackages, file.within) {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok || !clockCalls[selector.Sel.Name] {
				return true
			}
			if from, ok := selector.X.(*ast.Ident); ok && from.Name == name {
				found = append(found, file.finding(selector.Pos(), "clock",
					"time.%s in %s: take the time as an argument", selector.Sel.Name, file.dir()))
			}
			return true
		})
	}
	return found
}

// importName is what a file calls an imported package, "" when it does not.
func importName(file File, target string) string {
	for _, spec := range file.Syntax.Imports {
		if value, err := strconv.Unquote(spec.Path.Value); err != nil || value != target {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(target)
	}
	return ""
}
