<?php

$metadata['__DYNAMIC:1__'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'key.pem',
    'certificate' => 'certificate.pem',
    'auth' => 'people',
];
if (getenv('PROVIDER_NAME_ID')) {  // the attribute from which it makes a persistent NameID
    $metadata['__DYNAMIC:1__']['simplesaml.nameidattribute'] = getenv('PROVIDER_NAME_ID');
}
