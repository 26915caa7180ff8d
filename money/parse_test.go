package money_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/money"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		currency   money.Currency
		want       money.Minor
		err        error
	}{
		{"whole yuan", "10", "CNY", 1000, nil},
		{"one decimal", "10.5", "CNY", 1050, nil},
		{"two decimals", "10.05", "CNY", 1005, nil},
		{"zero", "0", "CNY", 0, nil},
		{"zero with decimals", "0.00", "CNY", 0, nil},
		{"one fen", "0.01", "CNY", 1, nil},
		{"three decimals of a dinar", "1.234", "KWD", 1234, nil},
		{"four decimals of a unidad de fomento", "1.2345", "CLF", 12345, nil},
		{"whole yen", "10", "JPY", 10, nil},
		{"the largest amount", "92233720368547758.07", "CNY", math.MaxInt64, nil},
		{"one more than the largest amount overflows", "92233720368547758.08", "CNY", 0, money.ErrOverflow},
		{"the scale can overflow", "9223372036854775807", "CNY", 0, money.ErrOverflow},
		{"a very long number overflows", strings.Repeat("9", 10000), "CNY", 0, money.ErrOverflow},
		{"yen have no decimals", "10.0", "JPY", 0, money.ErrTooManyDecimals},
		{"a third decimal is refused even if it is zero", "10.000", "CNY", 0, money.ErrTooManyDecimals},
		{"a minus is told apart", "-1.00", "CNY", 0, money.ErrNegative},
		{"minus zero is negative", "-0", "CNY", 0, money.ErrNegative},
		{"a minus before nonsense is nonsense", "-x", "CNY", 0, money.ErrSyntax},
		{"two minus signs", "--1", "CNY", 0, money.ErrSyntax},
		{"a plus", "+1", "CNY", 0, money.ErrSyntax},
		{"nothing", "", "CNY", 0, money.ErrSyntax},
		{"a lone dot", ".", "CNY", 0, money.ErrSyntax},
		{"a dot in front", ".5", "CNY", 0, money.ErrSyntax},
		{"a dot at the end", "5.", "CNY", 0, money.ErrSyntax},
		{"two dots", "1.2.3", "CNY", 0, money.ErrSyntax},
		{"a zero in front", "01", "CNY", 0, money.ErrSyntax},
		{"two zeros before the dot", "00.5", "CNY", 0, money.ErrSyntax},
		{"an exponent", "1e2", "CNY", 0, money.ErrSyntax},
		{"a blank in front", " 1", "CNY", 0, money.ErrSyntax},
		{"a line end", "1\n", "CNY", 0, money.ErrSyntax},
		{"a decimal comma", "1,5", "CNY", 0, money.ErrSyntax},
		{"not a number", "NaN", "CNY", 0, money.ErrSyntax},
		{"full-width digits", "１", "CNY", 0, money.ErrSyntax},
		{"an unknown currency", "1", "XYZ", 0, money.ErrCurrency},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := money.Parse(test.text, test.currency)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("Parse(%.40q, %s) = %d, %v; want %d, %v", test.text, test.currency, got, err, test.want, test.err)
			}
		})
	}
}

func TestParseInteger(t *testing.T) {
	tests := []struct {
		name, text string
		want       money.Minor
		err        error
	}{
		{"zero", "0", 0, nil},
		{"some fen", "1050", 1050, nil},
		{"the largest amount", "9223372036854775807", math.MaxInt64, nil},
		{"one more overflows", "9223372036854775808", 0, money.ErrOverflow},
		{"twenty digits overflow", "18446744073709551617", 0, money.ErrOverflow},
		{"a negative number is told apart", "-5", 0, money.ErrNegative},
		{"minus zero is negative", "-0", 0, money.ErrNegative},
		{"a negative number beyond int64 is negative", "-99999999999999999999", 0, money.ErrNegative},
		{"a lone minus", "-", 0, money.ErrNotInteger},
		{"a negative fraction is not whole", "-1.5", 0, money.ErrNotInteger},
		{"an exponent", "1e2", 0, money.ErrNotInteger},
		{"a fraction, even of zero", "1.0", 0, money.ErrNotInteger},
		{"a zero in front", "007", 0, money.ErrNotInteger},
		{"a plus", "+1", 0, money.ErrNotInteger},
		{"not a number", "NaN", 0, money.ErrNotInteger},
		{"nothing", "", 0, money.ErrNotInteger},
		{"a blank", "1 ", 0, money.ErrNotInteger},
		{"hexadecimal", "0x10", 0, money.ErrNotInteger},
		{"an underscore", "1_000", 0, money.ErrNotInteger},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := money.ParseInteger(test.text)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("ParseInteger(%q) = %d, %v; want %d, %v", test.text, got, err, test.want, test.err)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		name          string
		minor         money.Minor
		currency      money.Currency
		full, trimmed string
	}{
		{"round yuan lose their zeros", 700, "CNY", "7.00", "7"},
		{"one zero is dropped", 320, "CNY", "3.20", "3.2"},
		{"nothing is dropped", 323, "CNY", "3.23", "3.23"},
		{"zeros of the whole part stay", 100000, "CNY", "1000.00", "1000"},
		{"zero", 0, "CNY", "0.00", "0"},
		{"one fen", 1, "CNY", "0.01", "0.01"},
		{"zeros of yen stay", 1000, "JPY", "1000", "1000"},
		{"one fils", 1, "KWD", "0.001", "0.001"},
		{"a debt below one", -5, "CNY", "-0.05", "-0.05"},
		{"a debt in yen", -500, "JPY", "-500", "-500"},
		{"the smallest number", math.MinInt64, "CNY", "-92233720368547758.08", "-92233720368547758.08"},
		{"the largest number", math.MaxInt64, "CLF", "922337203685477.5807", "922337203685477.5807"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := money.Format(test.minor, test.currency); got != test.full {
				t.Errorf("Format = %q, want %q", got, test.full)
			}
			if got := money.FormatTrimmed(test.minor, test.currency); got != test.trimmed {
				t.Errorf("FormatTrimmed = %q, want %q", got, test.trimmed)
			}
		})
	}
}

func TestWhatIsFormattedParsesBack(t *testing.T) {
	currencies := rapid.SampledFrom([]money.Currency{"JPY", "CNY", "KWD", "CLF"})
	rapid.Check(t, func(t *rapid.T) {
		c, m := currencies.Draw(t, "currency"), money.Minor(rapid.Int64Min(0).Draw(t, "minor"))
		for _, text := range []string{money.Format(m, c), money.FormatTrimmed(m, c)} {
			if got, err := money.Parse(text, c); got != m || err != nil {
				t.Fatalf("Parse(%q, %s) = %d, %v; want %d", text, c, got, err, m)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"10", "0.01", "-0", "1.", "01", "92233720368547758.07", "1e2"} {
		f.Add(seed, uint8(2))
	}
	currencies := []money.Currency{"JPY", "CNY", "KWD", "CLF"}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		c := currencies[int(which)%len(currencies)]
		m, err := money.Parse(text, c)
		if err == nil {
			// What was read must be the text again, but for zeros at the end.
			full := money.Format(m, c)
			if m < 0 || !strings.HasPrefix(full, text) || strings.Trim(full[len(text):], ".0") != "" {
				t.Errorf("Parse(%q, %s) = %d, which is %q", text, c, m, full)
			}
		}
		if n, err := money.ParseInteger(text); err == nil && money.Format(n, "JPY") != text {
			t.Errorf("ParseInteger(%q) = %d", text, n)
		}
	})
}
