"""The service provider's end of SAML 2.0 (Web Browser SSO): asks an identity provider, and reads its answer.

What an answer needs is above all a signature that covers the very assertion that is read. signxml, behind the
extra `passgate[saml]`, returns nothing but the bytes that were signed, parsed anew, so that wrapping an assertion
into another document gains nothing; it builds on the `cryptography` that is here already, has wheels everywhere,
and takes the time from us. python3-saml was left aside: no release since early 2023, calls that Python 3.12
deprecates, a clock of its own, an audience and a recipient that may be missing or match in part, URLs put into XML
unescaped. pysaml2 starts the program xmlsec1 for each answer; it is the identity provider of the tests.
"""
