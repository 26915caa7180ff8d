package tidy

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// levels are the floors of the house: a package imports only lower ones. A
// name that ends in /* gives a level to every folder directly below, so that a
// new dialect, channel or protocol needs no line here.
var levels = map[string]int{
	"cmd/refundry": 9,

	"sim":    8,
	"sample": 8,
	"bench":  8,

	"server":       7,
	"channelsim":   7,
	"channelsim/*": 7,
	// service joins store, intake, engine, webhooks and dialects into one
	// running process; tests, demo and bench start the real thing with it.
	"service": 7,

	"dialect":   6,
	"dialect/*": 6,
	"console":   6,

	// Storage stands below presentation: what both need to know is lower still.
	"store": 5,

	"admin":     4,
	"engine":    4,
	"webhook":   4,
	"reconcile": 4,

	"intake":       3,
	"policy":       3,
	"channel":      3,
	"channel/*":    3,
	"bulk":         3,
	"store/verify": 3,
	// It knows tables by the schema alone, so that it needs the engines and no more.
	"store/move": 3,

	"refund":      2,
	"merchant":    2,
	"store/sqldb": 2,

	"audit":      1,
	"ledger":     1,
	"wire/*":     1,
	"chargefile": 1,
	"docsite":    1,
	"sqlitefile": 1,
	"batch":      1,
	"secret":     1,
	"egress":     1,

	"money":          0,
	"dayfile":        0,
	"wire/form":      0,
	"wire/exactjson": 0,
	"wire/pemkey":    0,
	"telemetry":      0,

	// These hold embedded files or look at the sources, and import none of us.
	"store/migration": 0,
	"openapi":         0,
	"docs":            0,
	"internal/tidy":   0,
	// Tests and bench start throw-away PostgreSQL clusters with it.
	"internal/pgcluster": 0,
	// It builds the program and is no part of it.
	"internal/release": 0,
}

// sideways are imports on one floor that the house allows.
var sideways = map[[2]string]string{
	{"wire/form", "wire/exactjson"}: "both decode into the same ordered values",
}

// owned are packages of others that one package of ours alone may import.
var owned = map[string]string{
	"encoding/pem":           "wire/pemkey",
	"github.com/prometheus/": "telemetry",
	"go.opentelemetry.io/":   "telemetry",
}

// apart are packages that may not import a folder and what is below it, though
// their level would allow it. The packages below them may not either.
var apart = map[string][]string{
	// channelsim plays the other side of the channels: what it took from ours, or
	// from the protocols that they share,
	// would hide the same error on both sides.
	"channelsim": {"channel", "wire/wechatpay", "wire/alipay", "wire/chinaums", "wire/stripe"},
}

// level returns a package's floor, or false when the table has none.
func level(dir string) (int, bool) {
	if number, ok := levels[dir]; ok {
		return number, true
	}
	number, ok := levels[path.Dir(dir)+"/*"]
	return number, ok
}

// Imports finds imports that go up or sideways, packages without a level, and
// test suites that the program would carry.
func Imports(files []File) []Finding {
	const rule = "imports"
	var found []Finding
	unknown := map[string]bool{}
	for _, file := range files {
		if file.test() {
			continue
		}
		from, ok := level(file.dir())
		if !ok {
			if !unknown[file.dir()] {
				unknown[file.dir()] = true
				found = append(found, file.finding(file.Syntax.Name.Pos(), rule,
					"package %s: give it a level in internal/tidy/imports.go and docs/design.md", file.dir()))
			}
			continue
		}
		for _, spec := range file.Syntax.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			if text := wrongImport(file.dir(), from, target); text != "" {
				found = append(found, file.finding(spec.Pos(), rule, "%s", text))
			}
		}
	}
	return found
}

// inside reports whether a package is a folder's own or below it.
func inside(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

// wrongImport returns what is wrong with an import, or "".
func wrongImport(dir string, from int, target string) string {
	to, ours := strings.CutPrefix(target, module+"/")
	if !ours {
		for prefix, owner := range owned {
			if strings.HasPrefix(target, prefix) && dir != owner {
				return fmt.Sprintf("%s may be imported by %s alone", target, owner)
			}
		}
		return ""
	}
	if testPackage(to) {
		return to + " serves tests and may be imported by tests alone"
	}
	if sideways[[2]string{dir, to}] != "" {
		return ""
	}
	for from, folders := range apart {
		if !inside(dir, from) {
			continue
		}
		for _, folder := range folders {
			if inside(to, folder) {
				return fmt.Sprintf("%s stands apart from %s and imports nothing of it", dir, folder)
			}
		}
	}
	number, ok := level(to)
	if !ok {
		return to + " has no level: give it one in internal/tidy/imports.go and docs/design.md"
	}
	if child := path.Dir(dir) == to; number > from || number == from && !child {
		return fmt.Sprintf("%s (level %d) imports %s (level %d): only lower levels may be imported", dir, from, to, number)
	}
	return ""
}
