package merchant_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/refundry/refundry/merchant"
)

func TestCheckSettingsNamesTheSettingAtFault(t *testing.T) {
	settings := []merchant.Setting{
		{Name: "mchid", Required: true, Meaning: "the merchant's number"},
		{Name: "base_url", Default: "https://example.com"},
		{Name: "key", Secret: true, Required: true, Meaning: "32 characters", Check: func(v string) error {
			if len(v) != 32 {
				return errors.New("must have 32 characters")
			}
			return nil
		}},
	}
	whole := strings.Repeat("k", 32)
	for _, test := range []struct {
		name            string
		public, secrets map[string]string
		want            string
	}{
		{"all that is required", map[string]string{"mchid": "1"}, map[string]string{"key": whole}, ""},
		{"an unknown name", map[string]string{"mchid": "1", "mchit": "1"}, map[string]string{"key": whole}, "mchit: no such setting"},
		{"a missing one", nil, map[string]string{"key": whole}, "mchid is required: the merchant's number"},
		{"a missing secret", map[string]string{"mchid": "1"}, nil, "key is required: 32 characters"},
		{"a secret among settings", map[string]string{"mchid": "1", "key": whole}, nil, "key is a secret; give it as one"},
		{"a setting among secrets", nil, map[string]string{"mchid": "1", "key": whole}, "mchid is no secret; give it as a setting"},
		{"a wrong form", map[string]string{"mchid": "1"}, map[string]string{"key": "hunter2"}, "key: must have 32 characters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := merchant.CheckSettings(settings, test.public, test.secrets); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
