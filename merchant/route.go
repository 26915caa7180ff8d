package merchant

// RouteResult says how Route ended.
type RouteResult string

// The results of Route.
const (
	// Routed: exactly one account takes the charge.
	Routed RouteResult = "routed"
	// NoAccount: no account takes the charge.
	NoAccount RouteResult = "no account"
	// Ambiguous: several accounts take the charge and none of them, or more than
	// one, is the default.
	Ambiguous RouteResult = "ambiguous"
)

// Route finds the account that takes the charges of a channel, such as wx. Closed
// accounts take nothing. Of the others the first group that has any decides:
//
//  1. accounts that name the channel,
//  2. accounts at a real channel that take whatever is left,
//  3. the sandbox, for a merchant in test mode,
//  4. manual accounts that take whatever is left.
//
// Within a group the only account takes the charge, else the only one that is
// marked as the default.
func Route(accounts []ChannelAccount, mode Mode, channel string) (ChannelAccount, RouteResult) {
	for group := range routeGroups {
		var found []ChannelAccount
		for _, a := range accounts {
			if a.State != AccountClosed && routeGroup(a, mode, channel) == group {
				found = append(found, a)
			}
		}
		if len(found) > 0 {
			return onlyOne(found)
		}
	}
	return ChannelAccount{}, NoAccount
}

const routeGroups = 4

// routeGroup is an account's group in Route, or routeGroups if it takes none of
// the channel's charges.
func routeGroup(a ChannelAccount, mode Mode, channel string) int {
	const never = routeGroups
	switch {
	case a.Channel == ChannelSandbox && mode != Test:
		return never
	case a.TakesByName(channel):
		return 0
	case len(a.Takes) > 0:
		return never
	case a.Channel == ChannelSandbox:
		return 2
	case a.Channel == ChannelManual:
		return 3
	}
	return 1
}

func onlyOne(found []ChannelAccount) (ChannelAccount, RouteResult) {
	if len(found) == 1 {
		return found[0], Routed
	}
	var preferred []ChannelAccount
	for _, a := range found {
		if a.Default {
			preferred = append(preferred, a)
		}
	}
	if len(preferred) == 1 {
		return preferred[0], Routed
	}
	return ChannelAccount{}, Ambiguous
}
