package tidy

import (
	"fmt"
	"strings"
	"testing"
)

func TestImports(t *testing.T) {
	importing := func(name, target string) File {
		return source(t, name, fmt.Sprintf("package p\n\nimport _ %q\n", target))
	}
	tests := []struct {
		name   string
		file   string
		target string
		broken bool
	}{
		{"lower is fine", "store/a.go", module + "/refund", false},
		{"higher is not", "refund/a.go", module + "/store", true},
		{"the same level is not", "engine/a.go", module + "/webhook", true},
		{"a child imports its parent", "dialect/acme/a.go", module + "/dialect", false},
		{"a parent does not import its child", "dialect/a.go", module + "/dialect/acme", true},
		{"brothers do not know each other", "dialect/acme/a.go", module + "/dialect/pingpp", true},
		{"a protocol knows no refunds", "wire/acme/a.go", module + "/refund", true},
		{"a protocol imports forms", "wire/acme/a.go", module + "/wire/form", false},
		{"forms import exact JSON", "wire/form/a.go", module + "/wire/exactjson", false},
		{"exact JSON does not import forms", "wire/exactjson/a.go", module + "/wire/form", true},
		{"the store knows no dialect", "store/a.go", module + "/dialect", true},
		{"the store sees the contracts of those it serves", "store/a.go", module + "/webhook", false},
		{"a channel has its tables over the engines", "channel/acme/a.go", module + "/store/sqldb", false},
		{"the engines know no refunds", "store/sqldb/a.go", module + "/refund", true},
		{"verify does not import what it checks", "store/verify/a.go", module + "/store", true},
		{"the simulator imports no channel", "channelsim/a.go", module + "/channel/acme", true},
		{"what is below the simulator imports no channel either", "channelsim/acme/a.go", module + "/channel", true},
		{"a side of the simulator imports no protocol that it plays", "channelsim/acme/a.go", module + "/wire/stripe", true},
		{"a side of the simulator imports the simulator", "channelsim/acme/a.go", module + "/channelsim", false},
		{"a side of the simulator reads keys", "channelsim/acme/a.go", module + "/wire/pemkey", false},
		{"the store has its migrations", "store/a.go", module + "/store/migration", false},
		{"the program imports everything", "cmd/refundry/a.go", module + "/sim", false},
		{"a package without a level", "treasure/a.go", "fmt", true},
		{"an import without a level", "server/a.go", module + "/treasure", true},
		{"a suite in the program", "store/a.go", module + "/store/storetest", true},
		{"a suite in a test", "store/a_test.go", module + "/store/storetest", false},
		{"a test may look up", "refund/a_test.go", module + "/store", false},
		{"a suite may look up", "store/storetest/a.go", module + "/cmd/refundry", false},
		{"metrics outside telemetry", "engine/a.go", "github.com/prometheus/client_golang/prometheus", true},
		{"PEM outside its package", "dialect/acme/a.go", "encoding/pem", true},
		{"PEM in its package", "wire/pemkey/a.go", "encoding/pem", false},
		{"metrics in telemetry", "telemetry/a.go", "github.com/prometheus/client_golang/prometheus", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			if test.broken {
				want = []string{fmt.Sprintf("%s:%d", test.file, 3)}
				if strings.HasPrefix(test.file, "treasure/") {
					want = []string{test.file + ":1"}
				}
			}
			expect(t, Imports, []File{importing(test.file, test.target)}, want...)
		})
	}
}

func TestFileLength(t *testing.T) {
	lines := func(name string, count int) File {
		return source(t, name, "package p\n"+strings.Repeat("//\n", count-1))
	}
	files := []File{
		lines("money/fits.go", 400), lines("money/long.go", 401),
		lines("money/fits_test.go", 800), lines("money/long_test.go", 801),
		lines("store/storetest/suite.go", 800),
		lines("money/listed.go", 600), lines("money/longlisted.go", 601), lines("money/needless.go", 400),
	}
	allowed := map[string]string{
		"money/listed.go": "a table", "money/longlisted.go": "a table", "money/needless.go": "a table", "money/gone.go": "a table",
	}
	rule := func(files []File) []Finding { return fileLength(files, allowed) }
	expect(t, rule, files, "money/long.go:1", "money/long_test.go:1", "money/longlisted.go:1", "money/needless.go:0", "money/gone.go:0")
}

func TestFunctionLength(t *testing.T) {
	function := func(name, head string, lines int) File {
		return source(t, name, "package p\n\n// A comment is free.\n"+head+" {\n"+strings.Repeat("\t_ = 0\n", lines-2)+"}\n")
	}
	expect(t, FunctionLength, []File{
		function("money/fits.go", "func f()", 70),
		function("money/long.go", "func f()", 71),
		function("money/method.go", "func (t T) f()", 71),
		function("money/literal.go", "var f = func()", 71),
		function("money/long_test.go", "func f()", 71),
	}, "money/long.go:4", "money/method.go:4", "money/literal.go:4")
}

func TestPackageName(t *testing.T) {
	var files []File
	var want []string
	for _, name := range []string{"util", "common", "helper", "model", "types", "misc", "base", "manager"} {
		files = append(files, source(t, "money/"+name+"/a.go", "package p\n"))
		want = append(want, "money/"+name+"/a.go:1")
	}
	files = append(files,
		source(t, "money/a.go", "package helper\n"),
		source(t, "money/a_test.go", "package util_test\n"),
		source(t, "ledger/basement.go", "package ledger\n"))
	expect(t, PackageName, files, append(want, "money/a.go:1", "money/a_test.go:1")...)
}

func TestPackageDoc(t *testing.T) {
	expect(t, PackageDoc, []File{
		source(t, "money/a.go", "package money\n"),
		source(t, "money/b.go", "// Package money counts.\npackage money\n"),
		source(t, "ledger/a.go", "package ledger\n"),
		source(t, "ledger/a_test.go", "// Package ledger is told in a test.\npackage ledger\n"),
		source(t, "store/a.go", "// Some remark.\npackage store\n"),
		source(t, "batch/a.go", "//go:build linux\n\npackage batch\n"),
		source(t, "cmd/refundry/main.go", "// Command refundry refunds.\npackage main\n"),
		source(t, "e2e/a_test.go", "// Package e2e looks from outside.\npackage e2e\n"),
		source(t, "sim/a_test.go", "package sim\n"),
	}, "ledger/a.go:1", "store/a.go:2", "batch/a.go:3", "sim/a_test.go:1")
}

func TestFloat(t *testing.T) {
	const text = "package p\n\nvar a float64\nvar b = func(float32) {}\nvar c, _ = strconv.ParseFloat(\"1\", 64)\n"
	expect(t, Float, []File{
		source(t, "money/a.go", text),
		source(t, "wire/acme/a.go", text),
		source(t, "money/a_test.go", text),
		source(t, "bench/a.go", text),
	}, "money/a.go:3", "money/a.go:4", "money/a.go:5", "wire/acme/a.go:3", "wire/acme/a.go:4", "wire/acme/a.go:5")
}

func TestClock(t *testing.T) {
	const text = "package p\n\nimport \"time\"\n\nvar a = time.Now()\nvar b = time.Since(a)\nvar c = time.Second\nvar d = now.Now()\n"
	expect(t, Clock, []File{
		source(t, "refund/a.go", text),
		source(t, "money/a.go", strings.ReplaceAll(strings.Replace(text, "import ", "import clock ", 1), "time.", "clock.")),
		source(t, "refund/a_test.go", text),
		source(t, "engine/a.go", text),
	}, "refund/a.go:5", "refund/a.go:6", "money/a.go:5", "money/a.go:6")
}

func TestDialectName(t *testing.T) {
	const text = "package p\n\nimport \"" + module + "/merchant\"\n\nvar a = merchant.Wallet\nvar b = merchant.Test\nvar c = other.Wallet\n"
	expect(t, DialectName, []File{
		source(t, "admin/a.go", text),
		source(t, "admin/a_test.go", text),
		source(t, "dialect/wallet/a.go", text),
		source(t, "dialect/payin/a.go", text),
		source(t, "store/storetest/a.go", text),
		source(t, "service/demo_charges.go", text),
	}, "admin/a.go:5", "dialect/payin/a.go:5")
}

func TestErrorKind(t *testing.T) {
	core := source(t, "refund/errors.go", `package refund

type Kind string

const (
	KindGone Kind = "gone"
	// KindBusy has a comment.
	KindBusy Kind = "busy"
	notAKind = 1
)
`)
	const head = "package p\n\nimport \"" + module + "/refund\"\n\n"
	expect(t, ErrorKind, []File{
		core,
		source(t, "dialect/whole/errors.go", head+"var t = map[refund.Kind]int{refund.KindGone: 1, refund.KindBusy: 2}\n"),
		source(t, "dialect/half/errors.go", head+"var t = map[refund.Kind]int{refund.KindGone: 1, other.KindBusy: 2}\n"),
		source(t, "dialect/none/errors.go", "package none\n"),
		source(t, "dialect/missing/routes.go", "package missing\n"),
		source(t, "dialect/dialecttest/suite.go", "package dialecttest\n"),
		source(t, "dialect/dialect.go", "package dialect\n"),
	}, "dialect/half/errors.go:1", "dialect/none/errors.go:1", "dialect/none/errors.go:1", "dialect/missing/errors.go:0")
}

func TestErrorKindReadsTheRealList(t *testing.T) {
	files, err := Load(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	if kinds := errorKinds(files); len(kinds) < 10 {
		t.Errorf("refund/errors.go gave only %v: the rule looks past it", kinds)
	}
}
