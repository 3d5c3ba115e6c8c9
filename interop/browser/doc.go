// Package browser tests the agent's web page in a real browser: Debian's chromium, driven by
// chromedp. It is apart from package interop so that neither links what only the other needs.
package browser
