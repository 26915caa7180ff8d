package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

// ChangeSettings lets change alter a merchant's settings, and returns them as
// they are then; its error leaves them as they were. change may be called again.
// The record names what is other than before. KindNotFound.
func (a *Admin) ChangeSettings(ctx context.Context, by By, merchantID string, change func(*merchant.Settings) error) (merchant.Settings, error) {
	action, err := a.record(by, merchantID, "merchant.set", merchantID)
	if err != nil {
		return merchant.Settings{}, err
	}
	settings, err := a.s.Store.ChangeSettings(ctx, merchantID, action, func(s *merchant.Settings, record audit.Record) (audit.Record, error) {
		before, err := settingTexts(*s)
		if err == nil {
			err = change(s)
		}
		if err != nil {
			return record, err
		}
		after, err := settingTexts(*s)
		return settingsDiffer(record, before, after), err
	})
	if err != nil {
		return merchant.Settings{}, err
	}
	a.done(merchantID)
	return settings, nil
}

// settingTexts are settings as they are stored, by name.
func settingTexts(s merchant.Settings) (map[string]string, error) {
	text, err := json.Marshal(s)
	var members map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		return nil, fmt.Errorf("encode settings: %w", err)
	}
	texts := make(map[string]string, len(members))
	for name, value := range members {
		texts[name] = string(value)
	}
	return texts, nil
}

// settingsDiffer adds to a record what is other than before; "" is a setting
// that is at its default again.
func settingsDiffer(record audit.Record, before, after map[string]string) audit.Record {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != after[name] {
			record = record.With(name, after[name])
		}
	}
	return record
}
