package wallet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// idsOf reads a list of either generation.
func idsOf(t testing.TB, answer string) (ids []string, total int) {
	t.Helper()
	var list struct {
		Total int               `json:"total"`
		Data  []json.RawMessage `json:"data"`
	}
	if strings.HasPrefix(answer, "[") {
		answer, list.Total = `{"total":-1,"data":`+answer+`}`, -1
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		t.Fatal(err)
	}
	for _, raw := range list.Data {
		ids = append(ids, decoded(t, string(raw))["id"].(string))
	}
	return ids, list.Total
}

// Pages of each list are cut from one order, newest first, without a gap and
// without one thing twice; total is of all pages.
func TestPagesOfLists(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	at := time.Now().UTC().Truncate(time.Second)
	var charges, refunds []string
	for n := range 5 {
		charges = append(charges, w.charge(t, 100, func(c *refund.Charge) { c.CreatedAt = at.Add(time.Duration(n) * time.Second) }))
	}
	for range 5 {
		refunds = append(refunds, decoded(t, w.refund(t, asking(charges[0], 1), 200, "Prefer", "wait=5"))["id"].(string))
	}
	slices.Reverse(charges)
	slices.Reverse(refunds)
	oldest := charges[4]
	for _, test := range []struct {
		name, path string
		want       []string
		total      int
	}{
		{"charges", "/wallet/" + w.wallet + "/charges/list?", charges, 5},
		{"refunds", "/wallet/" + w.wallet + "/charges/" + oldest + "/refunds?", refunds, 5},
		{"refunds, older: a bare array", "/charges/" + oldest + "/refunds?", refunds, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, count := range []int{1, 2, 5, 1000} {
				var all []string
				for page := 1; page <= 6; page++ {
					ids, total := idsOf(t, get(t, s, w.key, fmt.Sprintf("%spage=%d&count=%d", test.path, page, count), 200))
					if total != test.total || len(ids) > count {
						t.Errorf("page %d of %d: %d of %d", page, count, len(ids), total)
					}
					all = append(all, ids...)
				}
				if diff := cmp.Diff(test.want, all); diff != "" {
					t.Errorf("by %d (-want +got)\n%s", count, diff)
				}
			}
		})
	}
}

// begin_time and end_time hold in every list.
func TestTimesOfLists(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge := w.Charge(t, w.merchantID, 100, nil)
	w.refund(t, asking(nameIn(t, charge), 1), 200, "Prefer", "wait=5")
	refunded := w.Refunds(t, charge)[0].CreatedAt.Unix()
	for name, list := range map[string]struct {
		path string
		at   int64
	}{
		"charges":        {"/wallet/" + w.wallet + "/charges/list?page=1&count=9", charge.CreatedAt.Unix()},
		"refunds":        {"/wallet/" + w.wallet + "/charges/" + nameIn(t, charge) + "/refunds?page=1&count=9", refunded},
		"refunds, older": {"/charges/" + nameIn(t, charge) + "/refunds?page=1&count=9", refunded},
	} {
		for query, want := range map[string]int{
			fmt.Sprint("&begin_time=", list.at):                                 0, // later than
			fmt.Sprint("&begin_time=", list.at-1):                               1,
			fmt.Sprint("&end_time=", list.at):                                   0, // earlier than
			fmt.Sprint("&end_time=", list.at+1):                                 1,
			fmt.Sprint("&begin_time=", list.at-1, "&end_time=", list.at+1):      1,
			fmt.Sprint("&begin_time=", list.at+1, "&end_time=", list.at-1):      0,
			"&begin_time=&end_time=":                                            1,
			"&begin_time=0&end_time=253402300799":                               1,
			fmt.Sprint("&begin_time=", list.at-1, "&begin_time=", list.at+1000): 1, // the first counts
		} {
			if ids, _ := idsOf(t, get(t, s, w.key, list.path+query, 200)); len(ids) != want {
				t.Errorf("%s%s: %d, want %d", name, query, len(ids), want)
			}
		}
	}
}

// status picks charges; every charge here is paid.
func TestTheStatusOfLists(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	paid, part, full := w.charge(t, 100, nil), w.charge(t, 100, nil), w.charge(t, 100, nil)
	w.refund(t, asking(part, 1), 200, "Prefer", "wait=5")
	w.refund(t, asking(full, 100), 200, "Prefer", "wait=5")
	for query, want := range map[string][]string{
		"": {full, part, paid}, "&status=": {full, part, paid}, "&status=succeeded": {part, paid}, "&status=refund": {full},
		"&status=created": nil, "&status=pending": nil, "&status=failed": nil,
	} {
		ids, total := idsOf(t, w.get(t, "/charges/list?page=1&count=9"+query, 200))
		if diff := cmp.Diff(want, ids); diff != "" || total != len(want) {
			t.Errorf("%q: total %d (-want +got)\n%s", query, total, diff)
		}
	}
	// An object of a list is the object that is read.
	list := w.get(t, "/charges/list?page=1&count=1", 200)
	if want := `{"total":3,"data":[` + w.get(t, "/obj/"+full, 200) + `]}`; list != want {
		t.Errorf("got\n%s\nwant\n%s", list, want)
	}
}

// What is missing is told by its own code in every list, page before count.
func TestListsWantPageAndCount(t *testing.T) {
	s := dialecttest.Start(t)
	for _, path := range []string{"/wallet/wallet_demo/charges/list", "/wallet/wallet_demo/charges/" + demoCharge + "/refunds", "/charges/" + demoCharge + "/refunds"} {
		for query, want := range map[string]string{
			"": `{"code":100051,"message":"page is required",`, "?count=1": `{"code":100051,"message":"page is required",`,
			"?page=1": `{"code":100052,"message":"count is required",`, "?page=1&count=": `{"code":100052,"message":"count is required",`,
			"?page=0&count=1": `{"code":10002,"message":"page must be`, "?page=1&count=0": `{"code":10002,"message":"count must be`,
			"?page=1.0&count=1": `{"code":10002,"message":"page must be`, "?page=+1&count=x": `{"code":10002,"message":"page must be`,
			"?Page=1&Count=1": `{"code":100051,`,
		} {
			if got := get(t, s, demoKey, path+query, 400); !strings.HasPrefix(got, want) {
				t.Errorf("%s%s: %s", path, query, got)
			}
		}
	}
}
