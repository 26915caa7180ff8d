package chargefile_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/chargefile"
)

func TestTimesOfFiles(t *testing.T) {
	for _, test := range []struct{ zone, text, want string }{
		{"", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"},
		{"Asia/Shanghai", "2026-11-22T10:00:00+01:00", "2026-11-22T10:00:00+01:00"},
		{"", "2026-11-22 10:00:00 +0800", "2026-11-22T02:00:00Z"},
		{"", "2026/11/22 10:00:00+08:00", "2026-11-22T02:00:00Z"},
		{"Asia/Shanghai", "2026/11/01 00:00", "2026-10-31T16:00:00Z"},
		{"+08:00", "2026/11/1 0:00", "2026-10-31T16:00:00Z"},
		{"-03:30", "2026-11-01 00:00:30", "2026-11-01T03:30:30Z"},
		{"Asia/Shanghai", "2026-11-01", "2026-10-31T16:00:00Z"},
		{"Asia/Shanghai", "2026年11月1日 9:30", "2026-11-01T01:30:00Z"},
		{"Asia/Shanghai", "2026-11-01 16：33：45", "2026-11-01T08:33:45Z"},
		{"Asia/Shanghai", "20261101163345", "2026-11-01T08:33:45Z"},
		{"Europe/Berlin", "01.11.2026 00:00", "2026-10-31T23:00:00Z"},
		{"Europe/Berlin", "2026-07-01T00:00", "2026-06-30T22:00:00Z"},
	} {
		if got := paidAt(t, test.zone, test.text); got != test.want {
			t.Errorf("%q in %q is %q, want %q", test.text, test.zone, got, test.want)
		}
	}
}

func TestTimesThatCouldBeAnotherAreRefused(t *testing.T) {
	for _, test := range []struct{ zone, text, want string }{
		{"", "2026/11/01 00:00", "--time-zone"},
		{"+08:00", "11/1/2026 0:00", "without guessing"},
		{"+08:00", "2026/11/1 3:00 PM", "without guessing"},
		{"+08:00", "46327.5", "without guessing"},
		{"+08:00", "2026-11-31 00:00", "there is not"},
		{"+08:00", "2026-11-01 24:30", "there is not"},
		{"Europe/Berlin", "2026-03-29 02:30", "there is not"},
		{"", "2026-11-01 00:00 +99:00", "no time zone"},
	} {
		if got := paidAt(t, test.zone, test.text); !strings.Contains(got, "rejected: ") || !strings.Contains(got, test.want) {
			t.Errorf("%q in %q: %q, want %q", test.text, test.zone, got, test.want)
		}
	}
	for _, zone := range []string{"", "Local", "Beijing", "+8", "+15:00", "08:00"} {
		if got, err := chargefile.ParseZone(zone); err == nil {
			t.Errorf("zone %q is %v", zone, got)
		}
	}
}

// paidAt returns what becomes of a time in a file.
func paidAt(t *testing.T, zone, text string) string {
	t.Helper()
	var opts chargefile.Options
	if zone != "" {
		var err error
		if opts.Zone, err = chargefile.ParseZone(zone); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, "order_no,paid_at\nT1,"+text+"\n", opts)
	if len(got) != 1 {
		t.Fatalf("got %q", got)
	}
	return strings.TrimSuffix(strings.TrimPrefix(got[0], `2 {"order_no":"T1","paid_at":"`), `"}`)
}

func TestNumbersThatASpreadsheetRounded(t *testing.T) {
	for text, want := range map[string]bool{
		"4.20001E+27": true, "4,20001E+27": true, "1.23457E+17": true, "1E+17": true, "4.2e+27": true, "4.20001E27": true,
		"4200000000202600000000000000": true, "20261101123456700000": true,
		"4200000000202600000000000001": false, "4200000000202611220000000001": false, "2026110112345670": false,
		"T1": false, "1E10": false, "12E45": false, "": false, "100000": false, "000000000000000000000": false, "2026110112345678900": false,
	} {
		if chargefile.Rounded(text) != want {
			t.Errorf("%s: want %t", text, want)
		}
	}
	for _, test := range []struct {
		text, channel string
		want          bool
	}{
		{"4200000000202600000", "wx", true},
		{"4200000000202600000", "wx_pub_qr", true},
		{"2026112200100100000000000000", "alipay", true},
		{"4200000000202600000", "mastercard", false},
		{"4200000000202611220000000010", "wx", false},
		{"4.20001E+27", "mastercard", true},
	} {
		if chargefile.RoundedTransaction(test.text, test.channel) != test.want {
			t.Errorf("%s of %s: want %t", test.text, test.channel, test.want)
		}
	}
}
