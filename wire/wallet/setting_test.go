package wallet

import (
	"strings"
	"testing"
)

func TestTheSettingOfTheRefundIDsPrefix(t *testing.T) {
	for setting, want := range map[string]string{
		"": "re_", "ch_": "ch_", "R-": "R-", strings.Repeat("p", 16): strings.Repeat("p", 16),
		strings.Repeat("p", 17): "re_", "a b": "re_", "退": "re_",
	} {
		if got := RefundIDPrefix(map[string]string{SettingRefundIDPrefix: setting}); got != want {
			t.Errorf("%q: %q, want %q", setting, got, want)
		}
	}
	if got := RefundIDPrefix(nil); got != DefaultRefundIDPrefix {
		t.Errorf("no settings: %q", got)
	}
}

func TestRefundIDsAndBack(t *testing.T) {
	const core = "re_000000000000000000000001"
	for _, prefix := range []string{"re_", "ch_", "x"} {
		shown := RefundID(core, prefix)
		if !strings.HasPrefix(shown, prefix) || len(shown) != 24+len(prefix) {
			t.Errorf("%s is shown as %s", core, shown)
		}
		for _, name := range []string{shown, core} {
			if got, ok := CoreRefundID(name, prefix); !ok || got != core {
				t.Errorf("%s behind %s is %s, %t", name, prefix, got, ok)
			}
		}
	}
	if got, ok := CoreRefundID("ch_000000000000000000000001", "re_"); ok {
		t.Errorf("a charge's id is a refund's: %s", got)
	}
}
