package tidy

import "go/ast"

// Limits on size: what does not fit into the head is split.
const (
	// maxFileLines holds for every file that is part of the program.
	maxFileLines = 400
	// maxListedLines holds even for files on the allow-list.
	maxListedLines = 600
	// maxTestLines holds for test files; tables of cases are long but flat.
	maxTestLines = 800
	// maxFunctionLines is from the func keyword to the closing brace.
	maxFunctionLines = 70
)

// longFiles may be longer than maxFileLines, for the reason given.
var longFiles = map[string]string{}

// FileLength finds files over their limit, and allowances nobody needs.
func FileLength(files []File) []Finding { return fileLength(files, longFiles) }

func fileLength(files []File, allowed map[string]string) []Finding {
	const rule = "file length"
	var found []Finding
	used := map[string]bool{}
	for _, file := range files {
		limit := maxFileLines
		if allowed[file.Path] != "" {
			limit = maxListedLines
			used[file.Path] = file.Lines > maxFileLines
		}
		if file.test() {
			limit = maxTestLines
		}
		if file.Lines > limit {
			found = append(found, file.finding(file.Syntax.Package, rule, "%d lines, %d are allowed: split it by topic", file.Lines, limit))
		}
	}
	for name := range allowed {
		if !used[name] {
			found = append(found, Finding{File: name, Rule: rule, Text: "is on the allow-list without need: take it off"})
		}
	}
	return found
}

// FunctionLength finds functions that no longer fit on a screen.
func FunctionLength(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		if file.test() {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			name := "function"
			switch function := node.(type) {
			case *ast.FuncDecl:
				name = function.Name.Name
			case *ast.FuncLit:
			default:
				return true
			}
			lines := file.line(node.End()) - file.line(node.Pos()) + 1
			if lines <= maxFunctionLines {
				return true
			}
			found = append(found, file.finding(node.Pos(), "function length",
				"%s has %d lines, %d are allowed: keep the control flow, move leaves out", name, lines, maxFunctionLines))
			return false
		})
	}
	return found
}
