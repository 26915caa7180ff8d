package merchant_test

import (
	"testing"

	"github.com/refundry/refundry/merchant"
)

// A merchant's admin manages who works there alone. Somebody whose roles were all taken
// may come from anywhere.
func TestAUserWithoutRolesIsWithinNoMerchant(t *testing.T) {
	own := merchant.Grant{Role: merchant.RoleViewer, MerchantID: "mer_1"}
	for name, c := range map[string]struct {
		grants []merchant.Grant
		want   bool
	}{
		"roles there":           {[]merchant.Grant{own}, true},
		"roles elsewhere, too":  {[]merchant.Grant{own, {Role: merchant.RoleViewer, MerchantID: "mer_2"}}, false},
		"roles at all of them":  {[]merchant.Grant{{Role: merchant.RoleAdmin}}, false},
		"no role at a merchant": {nil, false},
	} {
		if got := (merchant.User{Grants: c.grants}).Within("mer_1"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
