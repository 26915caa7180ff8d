package wechatpay_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/wechatpay"
	"github.com/refundry/refundry/merchant"
)

// Under another mchid RESOURCE_NOT_EXISTS says nothing of a refund that was sent
// under the one before. A new key or certificate makes no other account.
func TestAnotherMerchantsNumberMakesItAnotherAccountAndAnotherKeyDoesNot(t *testing.T) {
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		sub             string
		before, secrets map[string]string
		moved           bool
	}{
		"another mchid":        {before: map[string]string{"mchid": "1900009999"}, moved: true},
		"another sp_mchid":     {sub: "1900000109", before: map[string]string{"sp_mchid": "1900009999"}, moved: true},
		"another sub_mchid":    {sub: "1900000109", before: map[string]string{"sub_mchid": "1900009999"}, moved: true},
		"another address":      {before: map[string]string{"base_url": "https://other.example"}, moved: true},
		"another serial":       {before: map[string]string{"merchant_serial": "0123456789ABCDEF"}},
		"another public key":   {before: map[string]string{"platform_public_key_id": "PUB_KEY_ID_0114232134912410000000000000"}},
		"another APIv3 key":    {secrets: map[string]string{"apiv3_key": strings.Repeat("k", 32)}},
		"another way of funds": {before: map[string]string{"funds_flow": "new"}},
	} {
		f := newFake(t, mchID, test.sub)
		a := f.account(nil)
		settings, secrets := maps.Clone(a.Settings), maps.Clone(a.Secrets)
		maps.Copy(settings, test.before)
		maps.Copy(secrets, test.secrets)
		row := merchant.ChannelAccount{ID: a.ID, Channel: a.Channel, Version: 1, Settings: settings, Secrets: secrets}
		row = row.Renew(a.Settings, a.Secrets, noon)
		row.UpdatedAt = noon
		connectors := channel.NewConnectors(map[string]channel.Driver{wechatpay.Name: newDriver()}, channel.ConnectorsOptions{
			Accounts:  func(context.Context, string) (merchant.ChannelAccount, error) { return row, nil },
			NotifyURL: func(string, string) string { return a.NotifyURL },
		})
		opened, err := connectors.Connector(t.Context(), a.ID)
		if err != nil || opened.MovedAt.IsZero() == test.moved {
			t.Errorf("%s: moved at %v, %v", name, opened.MovedAt, err)
		}
	}
}
