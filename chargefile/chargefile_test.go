package chargefile_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/refundry/refundry/chargefile"
)

// read returns what a file's lines are, one text for each: "4 {...}", "5
// rejected: ..." or "6 passed: ...".
func read(t *testing.T, file string, opts chargefile.Options) []string {
	t.Helper()
	r, err := chargefile.Open(strings.NewReader(file), opts)
	if err != nil {
		return []string{err.Error()}
	}
	return lines(t, r)
}

func lines(t *testing.T, r *chargefile.Reader) []string {
	t.Helper()
	var out []string
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case line.Problem != "":
			out = append(out, fmt.Sprintf("%d rejected: %s", line.Number, line.Problem))
		case line.Passed != "":
			out = append(out, fmt.Sprintf("%d passed: %s", line.Number, line.Passed))
		default:
			out = append(out, fmt.Sprintf("%d %s", line.Number, line.Body))
		}
	}
}

func gbk(text string) string {
	out, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return out
}

func utf16(text string, endian unicode.Endianness, mark unicode.BOMPolicy) string {
	out, err := unicode.UTF16(endian, mark).NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return out
}

const (
	head = "order_no,amount,currency,channel,subject\n"
	one  = `{"amount":100,"channel":"wx","currency":"CNY","order_no":"T1","subject":"商品"}`
)

// One charge, as the programs of the world save it.
func TestAFileIsReadAsProgramsSaveIt(t *testing.T) {
	plain := head + "T1,100,CNY,wx,商品\n"
	for name, file := range map[string]string{
		"UTF-8":                                 plain,
		"UTF-8 with a mark":                     "\ufeff" + plain,
		"a mark before a quoted header":         "\ufeff" + strings.Replace(plain, "order_no", `"order_no"`, 1),
		"Excel on Windows, GBK":                 gbk(strings.ReplaceAll(plain, "\n", "\r\n")),
		"UTF-16 LE with a mark and tabs":        utf16(strings.ReplaceAll(plain, ",", "\t"), unicode.LittleEndian, unicode.UseBOM),
		"UTF-16 BE with a mark":                 utf16(plain, unicode.BigEndian, unicode.UseBOM),
		"UTF-16 LE without a mark":              utf16(plain, unicode.LittleEndian, unicode.IgnoreBOM),
		"UTF-16 BE without a mark":              utf16(plain, unicode.BigEndian, unicode.IgnoreBOM),
		"semicolons":                            strings.ReplaceAll(plain, ",", ";"),
		"semicolons that are announced":         "sep=;\n" + strings.ReplaceAll(plain, ",", ";"),
		"tabs":                                  strings.ReplaceAll(plain, ",", "\t"),
		"no last line end":                      strings.TrimSuffix(plain, "\n"),
		"the line ends of old Macs":             strings.ReplaceAll(plain, "\n", "\r"),
		"trailing empty columns":                strings.ReplaceAll(plain, "\n", ",,,\n"),
		"trailing empty columns of the header":  strings.Replace(plain, "\n", ",,\n", 1),
		"rows of commas only":                   plain + ",,,,\n,,,,\n",
		"rows of commas only in the middle":     strings.Replace(plain, "\n", "\n,,,,\n", 1),
		"blank lines":                           "\n" + strings.ReplaceAll(plain, "\n", "\r\n\r\n"),
		"blanks and tabs around cells":          strings.ReplaceAll(plain, ",", " \t,\u00a0"),
		"quotes around all cells":               `"` + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(plain), ",", `","`), "\n", "\"\n\"") + `"`,
		"numbers that are marked as text":       strings.Replace(plain, "T1", "'T1", 1),
		"numbers as formulas":                   strings.Replace(plain, "T1", `="T1"`, 1),
		"numbers as formulas in quotes":         strings.Replace(plain, "T1", `"=""T1"""`, 1),
		"names of columns in capitals":          strings.Replace(plain, "order_no", "Order_No", 1),
		"two files joined, each with its mark":  "\ufeff" + head + "\ufeff" + plain,
		"two files joined, with header and row": plain + head,
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, file, chargefile.Options{})
			charges := 0
			for _, line := range got {
				_, what, _ := strings.Cut(line, " ")
				switch {
				case what == one:
					charges++
				case !strings.HasPrefix(what, "passed: a title"):
					t.Errorf("line %s", line)
				}
			}
			if charges != 1 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestNDJSONWithAMarkIsRead(t *testing.T) {
	for name, file := range map[string]string{
		"UTF-8":           "\ufeff" + one + "\n\n" + one,
		"joined files":    one + "\r\n\ufeff" + one + "\n",
		"UTF-16":          utf16(one+"\n"+one, unicode.LittleEndian, unicode.UseBOM),
		"GBK":             gbk(one + "\n" + one),
		"blanks before":   "\n  " + one + "\n\t" + one,
		"no line at last": one + "\n" + one,
	} {
		got := read(t, file, chargefile.Options{})
		if len(got) != 2 || !strings.HasSuffix(got[0], " "+one) || !strings.HasSuffix(got[1], " "+one) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestALineIsRejectedByItsNumberAndTheOthersAreRead(t *testing.T) {
	good := strings.Replace(strings.TrimSuffix(one, "}"), "商品", "s", 1) + "}"
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"too long a line of CSV", head + "T0,1,CNY,wx," + strings.Repeat("x", chargefile.MaxLine) + "\nT1,100,CNY,wx,s\n", []string{"2 rejected: the line has more than 262144 bytes", "3 " + good}},
		{"too long a line of NDJSON", `{"a":"` + strings.Repeat("x", chargefile.MaxLine) + "\"}\n" + good, []string{"1 rejected: the line has more than 262144 bytes", "2 " + good}},
		{"a fraction", head + "T0,12.50,CNY,wx,\nT1,100,CNY,wx,s\n", []string{`2 rejected: amount: "12.50" is no whole number of minor units (hint: 1000 is 10.00 CNY, and 1000 JPY)`, "3 " + good}},
		{"a broken last line", head + "T1,100,CNY,wx,s\nT2,10", []string{"2 " + good, "3 rejected: 2 cells under 5 columns: wrong number of fields"}},
		{"more cells than columns", head + "T1,100,CNY,wx,s\nT2,10,CNY,wx,s,t\n", []string{"2 " + good, "3 rejected: 6 cells under 5 columns: wrong number of fields"}},
		{"a value under no title", "order_no,,amount\nT0,x,1\nT0,,1", []string{`2 rejected: column 2 has no name, but a value: "x"`, `3 {"amount":1,"order_no":"T0"}`}},
		{"a quote that does not end", head + "T0,1,CNY,wx,\"s\nT1,100,CNY,wx,s\nT1,100,CNY,wx,s\n", []string{`2 rejected: a cell begins with a quote (") and does not end with one`, "3 " + good, "4 " + good}},
		{"a quote that ends in another line's", head + "T0,1,CNY,wx,\"s\nT1,100,CNY,wx,\"s\"\nT1,100,CNY,wx,s\n", []string{
			`2 rejected: text stands behind the quote (") that ends a cell`,
			`3 rejected: stands within the quotes of line 2: text stands behind the quote (") that ends a cell`, "4 " + good,
		}},
		{"a cell of two lines", head + "T1,100,CNY,wx,\"a\nb\"\nT1,100,CNY,wx,s\n", []string{`2 {"amount":100,"channel":"wx","currency":"CNY","order_no":"T1","subject":"a\nb"}`, "4 " + good}},
		{"bytes that are not UTF-8", head + "T1,100,CNY,wx,商品\nT2,1,CNY,wx,\xb6\xa9\nT1,100,CNY,wx,s", []string{
			"2 " + one, "3 rejected: has bytes that are not UTF-8 (hint: save the file as UTF-8, or name its encoding with --encoding)", "4 " + good,
		}},
		{"half a character of UTF-16", utf16(head+"T1,100,CNY,wx,s\n", unicode.LittleEndian, unicode.UseBOM) + "T", []string{
			"2 " + good, "3 rejected: has bytes that are not UTF-16LE (hint: save the file as UTF-8, or name its encoding with --encoding)",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, read(t, test.file, chargefile.Options{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The words for connected are famous for being UTF-8 by chance in GBK.
func TestALineThatIsUTF8ByChanceDoesNotDecide(t *testing.T) {
	got := read(t, gbk(head+"T1,100,CNY,wx,联通\nT2,100,CNY,wx,商品\n"), chargefile.Options{})
	if len(got) != 2 || !strings.Contains(got[0], "联通") || !strings.Contains(got[1], "商品") {
		t.Errorf("got %q", got)
	}
}

func TestAnEncodingThatIsSaidDecides(t *testing.T) {
	file := gbk(head + "T1,100,CNY,wx,联通\n")
	if got := read(t, file, chargefile.Options{Encoding: "gb18030"}); len(got) != 1 || !strings.Contains(got[0], "联通") {
		t.Errorf("got %q", got)
	}
	if got := read(t, file, chargefile.Options{Encoding: "latin1"}); !strings.Contains(got[0], `there is no encoding "latin1"`) {
		t.Errorf("got %q", got)
	}
}

func TestAFileThatIsNoneIsOneError(t *testing.T) {
	for file, want := range map[string]string{
		"":                           "is it CSV or NDJSON?",
		"T1":                         "is it CSV or NDJSON?",
		"PK\x03\x04...":              "an Excel workbook (hint:",
		"\xd0\xcf\x11\xe0\xa1":       "an old Excel workbook (hint:",
		"\x1f\x8b\x08":               "gunzip it first",
		"order_no,price\nT1,10\n":    `there is no column "price" (hint:`,
		"order_no,amount,Order_no\n": `column "order_no" is there twice`,
		"#a\norder_no,paid_at,prize": `there is no column "prize"`,
		"微信订单号,商户订单号\n":              "has no column 交易时间",
	} {
		if got := read(t, file, chargefile.Options{}); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q: got %q, want %q", file, got, want)
		}
	}
	if got := read(t, "order_no,\"amount\nT1,100\n", chargefile.Options{Name: "a.CSV"}); !strings.Contains(got[0], "its quotes do not match") {
		t.Errorf("a header with half a quote: %q", got)
	}
	if got := read(t, "", chargefile.Options{Name: "a.NDJSON"}); len(got) != 0 {
		t.Errorf("an empty file of NDJSON: %q", got)
	}
}

// A file of a shop in China names its columns so. What says yuan, or nothing, is
// never taken for fen.
func TestColumnsMayHaveChineseHeadings(t *testing.T) {
	const rest = `"channel":"wx","currency":"CNY","customer":"M-7","order_no":"T1"}`
	for name, c := range map[string]struct{ file, want string }{
		"all of them":          {"订单号,金额（分）,币种,支付渠道,会员号\nT1,100,CNY,wx,M-7\n", `2 {"amount":100,` + rest},
		"mixed with ours":      {"order_no,amount,币种,channel,客户编号\nT1,100,CNY,wx,'M-7\n", `2 {"amount":100,` + rest},
		"ours":                 {"order_no,amount,currency,channel,customer\nT1,100,CNY,wx,M-7\n", `2 {"amount":100,` + rest},
		"an amount of unknown": {"订单号,金额,币种,渠道\nT1,1.00,CNY,wx\n", `there is no column "金额" (hint: refundry charge import --help lists them)`},
		"one column twice":     {"订单号,客户,会员号\nT1,1,2\n", `column "customer" is there twice`},
	} {
		if got := read(t, c.file, chargefile.Options{Format: chargefile.CSV}); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
