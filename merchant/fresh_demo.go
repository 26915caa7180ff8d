package merchant

import (
	"fmt"
	"time"
)

// DemoID is the demo merchant's id, DemoAccount its sandbox account.
const (
	DemoID      = "mer_demo"
	DemoAccount = "sandbox_demo"
)

// NewDemo makes the demo merchant: the names and keys that make the published
// pages' examples work. kept are its identities that are stored already, nil for
// none: their key pairs, which stay, are not made anew, because that takes a tenth of
// a second.
func NewDemo(dialects Dialects, kept []Identity, now time.Time) (Fresh, error) {
	f := Fresh{Merchant: Merchant{ID: DemoID, Name: "demo", Mode: Test, CreatedAt: now, Settings: Settings{
		Demo: true, WaitSeconds: map[string]int{},
	}}}
	for _, d := range dialects {
		if d.Demo == nil {
			continue
		}
		if d.Demo.WaitSeconds > 0 {
			f.Merchant.Settings.WaitSeconds[d.Name] = d.Demo.WaitSeconds
		}
		if err := f.add(d, d.Demo.Given, kept, "key_demo_"+d.Name, now); err != nil {
			return Fresh{}, fmt.Errorf("make demo merchant: %w", err)
		}
	}
	for n, key := range f.Keys {
		if d, _ := dialects.Find(key.Key.Dialect); d.Keys.EveryScope {
			f.Keys[n].Key.Scopes = Scopes()
		}
	}
	f.Accounts = []ChannelAccount{newSandboxAccount(DemoAccount, DemoID, now)}
	return f, nil
}

// Files are the files of DATA/demo by name; demo.json is Document.
func (f Fresh) Files() map[string]string {
	files := map[string]string{}
	for _, d := range f.dialects {
		identity, ok := f.Identity(d.Name)
		if !ok || d.Demo == nil || d.Demo.Files == nil {
			continue
		}
		for name, text := range d.Demo.Files(identity) {
			if text != "" { // of an identity that keeps no private key
				files[name] = text
			}
		}
	}
	return files
}
