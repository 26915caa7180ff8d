package tidy

import (
	"go/ast"
	"path"
	"strings"
)

// emptyNames say nothing about what a package gives.
var emptyNames = map[string]bool{
	"util": true, "utils": true, "common": true, "helper": true, "helpers": true,
	"model": true, "models": true, "type": true, "types": true, "misc": true,
	"base": true, "manager": true, "managers": true,
}

// PackageName finds packages whose name does not say what they give, by their
// clause or by any folder on the way to them.
func PackageName(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		names := append(strings.Split(file.dir(), "/"), strings.TrimSuffix(file.Syntax.Name.Name, "_test"))
		for _, name := range names {
			if emptyNames[name] {
				found = append(found, file.finding(file.Syntax.Name.Pos(), "package name",
					"%q says nothing: name the package by what it gives", name))
				break
			}
		}
	}
	return found
}

// PackageDoc finds packages that do not say what they are for. Where a package
// has files of the program, one of those must say it.
func PackageDoc(files []File) []Finding {
	const rule = "package doc"
	first := map[string]File{}
	documented := map[string]bool{}
	for _, file := range files {
		known, ok := first[file.dir()]
		if !ok || known.testFile() && !file.testFile() {
			first[file.dir()] = file
			documented[file.dir()] = hasDoc(file)
			continue
		}
		if known.testFile() == file.testFile() && hasDoc(file) {
			documented[file.dir()] = true
		}
	}
	var found []Finding
	for dir, file := range first {
		if !documented[dir] {
			found = append(found, file.finding(file.Syntax.Name.Pos(), rule,
				"package %s has no doc comment that begins with %q", path.Base(dir), docPrefix(file.Syntax)))
		}
	}
	return found
}

func hasDoc(file File) bool {
	return strings.HasPrefix(file.Syntax.Doc.Text(), docPrefix(file.Syntax))
}

// docPrefix is what godoc wants a package's comment to begin with.
func docPrefix(syntax *ast.File) string {
	if syntax.Name.Name == "main" {
		return "Command "
	}
	return "Package " + strings.TrimSuffix(syntax.Name.Name, "_test") + " "
}
