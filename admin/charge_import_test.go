package admin_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/refund"
)

func TestAnImportIsRecordedInItsFirstCommitAndAtItsEnd(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		charges := func(from, n int) (all []refund.Charge) {
			for i := from; i < from+n; i++ {
				all = append(all, refund.Charge{
					MerchantID: o.live, ID: fmt.Sprintf("ch_%d", i), OrderNo: fmt.Sprintf("T%d", i), Channel: "wx", ChannelAccount: "account_1",
					TransactionID: fmt.Sprintf("4200%d", i), Currency: "CNY", Amount: 100, PaidAt: o.now, CreatedAt: o.now,
				})
			}
			return all
		}
		importing := func(source string, rejected int, parts ...[]refund.Charge) {
			t.Helper()
			i, err := o.Import(root, o.live, source)
			for n := 0; n < len(parts) && err == nil; n++ {
				_, err = i.Register(t.Context(), parts[n])
			}
			if err == nil {
				err = i.End(t.Context(), rejected, "digest of "+source)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		bad := charges(2, 1)
		bad[0].Amount = -1
		importing("short.csv", 1, append(charges(0, 2), bad...))
		importing("short.csv", 0, charges(0, 2)) // again registers nothing
		importing("long.csv", 0, charges(0, 1), charges(10, 3), charges(20, 1))
		want := []string{
			"charge.import.begin, registered=2, source=short.csv",
			"charge.import, again=0, registered=2, rejected=1, sha256=digest of short.csv, source=short.csv",
			"charge.import.begin, registered=3, source=long.csv",
			"charge.import, again=1, registered=4, rejected=0, sha256=digest of long.csv, source=long.csv",
		}
		// One that is killed after its only commit has a name all the same.
		killed, err := o.Import(root, o.live, "killed.csv")
		if err == nil {
			_, err = killed.Register(t.Context(), charges(30, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, "charge.import.begin, registered=1, source=killed.csv")
		if diff := cmp.Diff(want, o.records(t)); diff != "" {
			t.Errorf("(-want +recorded): %s", diff)
		}
	})
}
