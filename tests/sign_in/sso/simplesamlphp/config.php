<?php

// SimpleSAMLphp as an identity provider for tests: its defaults, but for paths, secrets and plain http on loopback.
// The environment says where it runs: PROVIDER_URL, and PROVIDER_DIR for keys, sessions and the service provider's
// metadata, which it reads as the XML that Passgate serves.
$directory = getenv('PROVIDER_DIR');

$config = [
    'baseurlpath' => getenv('PROVIDER_URL') . '/',
    'certdir' => "$directory/",
    'loggingdir' => "$directory/",
    'datadir' => "$directory/",
    'tempdir' => "$directory/",
    'metadatadir' => __DIR__ . '/metadata/',
    'logging.handler' => 'file',
    'secretsalt' => bin2hex(hash('sha256', $directory, true)),
    'auth.adminpassword' => bin2hex(random_bytes(16)),
    'timezone' => 'UTC',
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'exampleauth' => true, 'saml' => true],
    'store.type' => 'phpsession',
    'session.phpsession.savepath' => $directory,
    'session.cookie.secure' => false,
    'metadata.sources' => [
        ['type' => 'flatfile'],
        ['type' => 'xml', 'file' => "$directory/passgate.xml"],
    ],
];
