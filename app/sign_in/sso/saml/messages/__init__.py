"""The service provider's messages of SAML 2.0 (Web Browser SSO): the request, and the verified answer.

The signature must cover exactly the assertion that is read. signxml (the extra `passgate[saml]`) returns only the
signed bytes, parsed again, which defeats signature wrapping. It uses the `cryptography` package that is installed
already, has wheels everywhere, and takes the time as an argument.

Rejected: python3-saml has no release since early 2023, uses calls that Python 3.12 deprecates, reads the clock,
accepts a missing or partly matching audience and recipient, and writes URLs into XML unescaped. pysaml2 starts the
program xmlsec1 for each answer; the tests use it as their identity provider.
"""
