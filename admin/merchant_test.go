package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func TestAMerchantsNameIsTextOfBoundedLength(t *testing.T) {
	for name, fits := range map[string]bool{
		"shop": true, "小店 2": true, strings.Repeat("x", 100): true,
		"": false, " shop": false, "shop\n": false, "a\x00b": false, "a\tb": false, "\xff": false, strings.Repeat("x", 101): false,
	} {
		_, err := admin.MakeMerchant(nil, admin.NewMerchant{Name: name, Mode: merchant.Test}, time.Now())
		if fits != (err == nil) || err != nil && (refund.KindOf(err) != refund.KindInvalid || refund.As(err).Param != "name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
