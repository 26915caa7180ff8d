package bulk

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/refundry/refundry/refund"
)

func readAll(t *testing.T, file string) []Line {
	t.Helper()
	var lines []Line
	err := Read(strings.NewReader(file), Options{Name: "refunds.csv"}, func(l Line) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Each file has the same two refunds, as programs of several countries save them.
func TestRefundsAreReadFromFilesAsPeopleHaveThem(t *testing.T) {
	const chinese = "商户订单号,退款金额(元),退款原因,退款单号\r\nT1,12.50,商品质量,R1\r\n" + "T2,full,,\r\n"
	gbk, _ := simplifiedchinese.GBK.NewEncoder().String(chinese)
	wide, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(chinese)
	for name, file := range map[string]string{
		"UTF-8":               chinese,
		"UTF-8 with a mark":   "\ufeff" + chinese,
		"GBK":                 gbk,
		"UTF-16":              wide,
		"semicolons":          "Charge;Amount_Decimal;Reason;Number\nT1;12,50;商品质量;R1\nT2;FULL;;\n",
		"tabs and formulas":   "charge\tamount_decimal\treason\tnumber\n=\"T1\"\t12.5\t商品质量\t'R1\nT2\tfull\t\t\n",
		"minor units":         "charge,amount,reason,number\nT1,1250,商品质量,R1\nT2,full,,\n",
		"NDJSON":              `{"charge":"T1","amount":1250,"reason":"商品质量","number":"R1"}` + "\n\n" + `{"charge":"T2","amount":"full"}` + "\n",
		"NDJSON with decimal": `{"charge":"T1","amount_decimal":"12.50","reason":"商品质量","number":"R1"}` + "\n" + `{"charge":"T2","amount":"full"}`,
	} {
		t.Run(name, func(t *testing.T) {
			lines := readAll(t, file)
			if len(lines) != 2 || lines[0].State != New || lines[1].State != New {
				t.Fatalf("read %+v", lines)
			}
			first, second := lines[0], lines[1]
			amount, err := first.minor("CNY")
			if err != nil || amount != 1250 || first.Charge != "T1" || first.Number != "R1" || first.Reason != "商品质量" {
				t.Errorf("the first is %+v of %d, %v", first, amount, err)
			}
			if second.Charge != "T2" || second.Amount != Full || second.Decimal {
				t.Errorf("the second is %+v", second)
			}
		})
	}
}

func TestBadLinesSayWhichAndWhy(t *testing.T) {
	lines := readAll(t, "charge,amount,amount_decimal,number,reason,customer,currency\n"+
		"T1,,,,,,\n"+
		",100,,,,,\n"+
		"T1,12.5,,,,,\n"+
		"T1,100,1.00,,,,\n"+
		"T1,1e3,,,,,\n"+
		"4.20001E+27,100,,,,,\n"+
		"T1,100,,a b,,,\n"+
		"T1,100,,,nul\x00here,,\n"+
		"T1,100,,,,,XXX1\n"+
		"T1,100\n"+
		"T1,100,,,"+strings.Repeat("r", 256)+",,\n"+
		"T1,100,,,fine,,cny\n")
	for n, want := range []string{
		"amount is empty (hint: write full", "charge is empty", "name the column amount_decimal", "both given", "no whole number",
		"rounded by a spreadsheet", "number must be visible ASCII", "U+0000", "no ISO 4217 code", "2 cells under 7 columns", "at most 255 characters", "",
	} {
		if n >= len(lines) {
			t.Fatalf("only %d lines", len(lines))
		}
		l := lines[n]
		if l.At != int64(n+2) || (l.State == Bad) != (want != "") || !strings.Contains(l.Problem, want) {
			t.Errorf("line %d is %s: %q, want %q", l.At, l.State, l.Problem, want)
		}
	}
}

func TestFilesThatAreNoneOfRefunds(t *testing.T) {
	for file, want := range map[string]refund.Kind{
		"":                            refund.KindInvalid,
		"charge,amount\n":             refund.KindInvalid,
		"charge,amount,colour\nT,1,r": refund.KindInvalid,
		"PK\x03\x04 a workbook":       refund.KindInvalid,
		"charge,amount\n" + strings.Repeat("T,1\n", MaxLines+1): refund.KindTooLarge,
	} {
		err := Read(strings.NewReader(file), Options{Name: "a.csv"}, func(Line) error { return nil })
		if err == nil || refund.KindOf(err) != want {
			t.Errorf("%.40q: %v, want %s", file, err, want)
		}
	}
}
